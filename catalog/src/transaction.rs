//! A transaction on either database, and the macro that compiles each query for both.

use sqlx::{Postgres, Sqlite};

use crate::error::CatalogError;

/// Everything that is read or written together. Dropped without [`Transaction::commit`], it never happened.
#[derive(Debug)]
pub struct Transaction {
    pub(crate) driver: Driver,
}

/// The transaction of one of the two drivers.
#[derive(Debug)]
pub(crate) enum Driver {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

/// A statement that cannot be the same in both databases.
#[derive(Clone, Copy)]
pub(crate) struct Dialects {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

/// Compiles a body for each driver, with the transaction's connection bound to the given name.
///
/// The body is the same text twice; what makes it two are the types that sqlx infers from the connection.
macro_rules! on_either {
    ($transaction:expr, |$connection:ident| $body:expr) => {
        match &mut $transaction.driver {
            $crate::transaction::Driver::Sqlite(transaction) => {
                let $connection = &mut **transaction;
                $body
            }
            $crate::transaction::Driver::Postgres(transaction) => {
                let $connection = &mut **transaction;
                $body
            }
        }
    };
}

pub(crate) use on_either;

impl Transaction {
    /// Makes it all happen, durably.
    pub async fn commit(self) -> Result<(), CatalogError> {
        match self.driver {
            Driver::Sqlite(transaction) => transaction.commit().await?,
            Driver::Postgres(transaction) => transaction.commit().await?,
        }
        Ok(())
    }

    pub(crate) fn dialect(&self, statement: Dialects) -> &'static str {
        match self.driver {
            Driver::Sqlite(_) => statement.sqlite,
            Driver::Postgres(_) => statement.postgres,
        }
    }
}
