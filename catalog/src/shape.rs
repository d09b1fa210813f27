//! Shapes: sets of places, kept once however many revisions have them.

use std::collections::BTreeMap;

use charm_model::shape::{Shape, ShapeId};
use sqlx::query;

use crate::document::Document;
use crate::error::CatalogError;
use crate::transaction::{Transaction, on_either};

const ADD_SHAPE: &str = "INSERT INTO shape (id, places) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";

impl Transaction {
    /// Keeps the shapes that are not kept yet.
    pub(crate) async fn add_shapes(
        &mut self,
        shapes: impl IntoIterator<Item = &Shape>,
    ) -> Result<(), CatalogError> {
        // In one order everywhere, or two transactions might wait for each other.
        let shapes: BTreeMap<ShapeId, &Shape> = shapes.into_iter().map(|shape| (shape.id(), shape)).collect();
        for (id, shape) in shapes {
            let places = Document::of(shape)?;
            on_either!(self, |conn| {
                query(ADD_SHAPE).bind(id.0.as_bytes()).bind(places).execute(conn).await?;
            });
        }
        Ok(())
    }
}
