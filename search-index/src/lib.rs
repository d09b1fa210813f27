//! Search over charms and bundles: a cache of the catalog that any server can delete and make again.
//!
//! In reading order:
//!
//! 1. [`entry`](mod@entry): what is put in, one entry for each base and series, with its [`Audience`].
//! 2. [`names`](mod@names), [`analysis`](mod@analysis), [`concepts`](mod@concepts): how names and texts become terms.
//! 3. [`schema`](mod@schema), [`shelf`](mod@shelf), [`index`](mod@index): where they are kept, [`cursor`](mod@cursor): as
//!    of when. [`prior`](mod@prior) says what speaks for an entry whatever is asked.
//! 4. [`query`](mod@query), [`text`](mod@text), [`spelling`](mod@spelling): what is asked, and what was meant.
//! 5. [`relevance`](mod@relevance), [`filter`](mod@filter): what that is as a query; who may see what is part of it.
//! 6. [`search`](mod@search), [`complete`](mod@complete), [`sorted`](mod@sorted), [`facets`](mod@facets), [`snippet`](mod@snippet), [`answer`](mod@answer): the answer.

mod analysis;
mod answer;
mod complete;
mod concepts;
mod cursor;
mod entry;
mod error;
mod facets;
mod filter;
mod index;
mod names;
mod prior;
mod query;
mod relevance;
mod schema;
mod search;
mod shelf;
mod snippet;
mod sorted;
mod spelling;
mod text;

pub use answer::{Answer, Facets, Hit, Piece};
pub use cursor::Cursor;
pub use entry::{Audience, Entry, Kind};
pub use error::SearchError;
pub use index::SearchIndex;
pub use query::{Filters, Listing, Query, Sort, SortKey};
pub use search::MAX_WINDOW;
