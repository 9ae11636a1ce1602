//! Handlers from closures and async functions, over messages of your own types.
//!
//! A handler's first argument is the request, the second is the [`Context`]: metadata, deadline,
//! peer, and the application's [state](Context::state).
//!
//! | shape | first argument | result |
//! |---|---|---|
//! | [`unary`] | `M` | `R` |
//! | [`client_streaming`] | [`Incoming<M>`](Incoming) | `R` |
//! | [`server_streaming`] | `M` | a stream of `Result<R, Status>` |
//! | [`bidi`] | [`Incoming<M>`](Incoming) | a stream of `Result<R, Status>` |
//!
//! The functions of this module take prost types; those of [`dynamic`] take trees, for types that
//! are known only at run time; those of [`raw`] take wire bytes. A [`Response`] in the place of the
//! result adds metadata and trailers; [`generate()`] makes a stream from a loop; [`Methods`] puts the
//! methods of a service behind one handler.
//!
//! ```
//! # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/fixtures.rs")); }
//! use descant_handlers::{Status, typed::{self, Context, Incoming, Methods}};
//! use shop::{Book, Query};
//!
//! async fn get(query: Query, _: Context) -> Result<Book, Status> {
//!     Ok(Book { title: query.text, pages: 120 })
//! }
//!
//! async fn add(mut books: Incoming<Book>, _: Context) -> Result<Query, Status> {
//!     let mut pages = 0;
//!     while let Some(book) = books.next().await {
//!         pages += book?.pages;
//!     }
//!     Ok(Query { text: format!("{pages} pages") })
//! }
//!
//! let service = Methods::new()
//!     .on("Get", typed::unary(get))
//!     .on("Add", typed::client_streaming(add))
//!     .on("List", typed::server_streaming(|query: Query, _| async move {
//!         Ok(typed::generate(|sender| async move {
//!             for pages in [80, 90] {
//!                 sender.send(Book { title: query.text.clone(), pages }).await?;
//!             }
//!             Ok(())
//!         }))
//!     }))
//!     .on("Chat", typed::bidi(|mut queries: Incoming<Query>, _| async move {
//!         Ok(typed::generate(|sender| async move {
//!             while let Some(query) = queries.next().await {
//!                 sender.send(Book { title: query?.text, pages: 0 }).await?;
//!             }
//!             Ok(())
//!         }))
//!     }));
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn check(service: Methods) -> Result<(), Status> {
//! #     use shop::{ask, book, query};
//! #     let books: Vec<Book> = ask(&service, "Get", vec![query("Emma")]).await?;
//! #     assert_eq!((books[0].title.as_str(), books.len()), ("Emma", 1));
//! #     let sums: Vec<Query> = ask(&service, "Add", vec![book("Emma"), book("Persuasion")]).await?;
//! #     assert_eq!(sums, [query("14 pages")]);
//! #     let books: Vec<Book> = ask(&service, "List", vec![query("Emma")]).await?;
//! #     assert_eq!(books.len(), 2);
//! #     let books: Vec<Book> = ask(&service, "Chat", vec![query("Emma"), query("Ivanhoe")]).await?;
//! #     assert_eq!((books[1].title.as_str(), books.len()), ("Ivanhoe", 2));
//! #     Ok(())
//! # }
//! # check(service)?;
//! # Ok::<(), Status>(())
//! ```
//!
//! A handler with state of its own holds it in an `Arc`:
//!
//! ```
//! use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
//! use descant_handlers::{Status, typed};
//!
//! let visits = Arc::new(AtomicU64::new(0));
//! let handler = typed::unary(move |name: String, _| {
//!     let visits = Arc::clone(&visits);
//!     async move { Ok(format!("{name} is number {}", visits.fetch_add(1, Ordering::Relaxed))) }
//! });
//! # let _: &dyn descant_handlers::Handler = &handler;
//! ```

mod adapter;
mod codec;
mod context;
mod incoming;
mod methods;
mod reply;

use self::adapter::Adapter;
pub use self::{
    adapter::{Intake, Many, One, Side},
    codec::{Codec, Dynamic, Payload, Prost, Raw},
    context::Context,
    incoming::Incoming,
    methods::Methods,
    reply::{IntoReply, Response},
};
use crate::Status;
pub use crate::{Sender, generate};

/// The four shapes for one codec: thin names for the one [`Adapter`].
macro_rules! shapes {
    ($codec:ty) => {
        shapes! { $codec, "one message in, one out", unary, One, One }
        shapes! { $codec, "many messages in, one out", client_streaming, Many, One }
        shapes! { $codec, "one message in, many out", server_streaming, One, Many }
        shapes! { $codec, "many messages in, many out, in any order", bidi, Many, Many }
    };
    ($codec:ty, $what:literal, $name:ident, $input:ident, $output:ident) => {
        #[doc = concat!("A handler from a closure or an async function: ", $what, ".")]
        ///
        /// The [module](self) has an example.
        pub fn $name<F, Fut, M, R>(closure: F) -> impl $crate::Handler
        where
            F: Fn(<$input<$codec> as Intake<M>>::Input, Context) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = Result<R, Status>> + Send + 'static,
            M: Payload<$codec>,
            R: IntoReply<$output<$codec>>,
        {
            Adapter::<F, M, $input<$codec>, $output<$codec>>::new(closure)
        }
    };
}

shapes!(Prost);

/// The same shapes over dynamic trees, for types that are known only at run time.
///
/// Requests are decoded as the method's input type. A reply that is not of its output type is
/// INTERNAL, and the message names both.
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/fixtures.rs")); }
/// use descant_handlers::typed::{Context, Incoming, Methods, dynamic::{self, DynamicMessage, Value}, generate};
/// use descant_handlers::Status;
///
/// /// Fills the first field of the reply, whatever its type's name is.
/// fn reply(context: &Context, text: &str) -> Result<DynamicMessage, Status> {
///     let mut reply = context.new_reply()?;
///     reply.set_field_by_number(1, Value::String(text.into()));
///     Ok(reply)
/// }
///
/// fn text(message: &DynamicMessage) -> String {
///     message.get_field_by_number(1).and_then(|value| value.as_str().map(String::from)).unwrap_or_default()
/// }
///
/// let service = Methods::new()
///     .on("Get", dynamic::unary(|query, context| async move { reply(&context, &text(&query)) }))
///     .on("Add", dynamic::client_streaming(|mut books: Incoming<_>, context| async move {
///         let mut titles = Vec::new();
///         while let Some(book) = books.next().await {
///             titles.push(text(&book?));
///         }
///         reply(&context, &titles.join(", "))
///     }))
///     .on("List", dynamic::server_streaming(|query, context| async move {
///         Ok(generate(|sender| async move {
///             sender.send(reply(&context, &text(&query))?).await?;
///             Ok(())
///         }))
///     }))
///     .on("Chat", dynamic::bidi(|mut queries: Incoming<_>, context| async move {
///         Ok(generate(|sender| async move {
///             while let Some(query) = queries.next().await {
///                 sender.send(reply(&context, &text(&query?))?).await?;
///             }
///             Ok(())
///         }))
///     }));
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn check(service: Methods) -> Result<(), Status> {
/// #     use shop::{Book, Query, ask, book, query};
/// #     let books: Vec<Book> = ask(&service, "Get", vec![query("Emma")]).await?;
/// #     assert_eq!((books[0].title.as_str(), books.len()), ("Emma", 1));
/// #     let sums: Vec<Query> = ask(&service, "Add", vec![book("Emma"), book("Persuasion")]).await?;
/// #     assert_eq!(sums, [query("Emma, Persuasion")]);
/// #     let books: Vec<Book> = ask(&service, "List", vec![query("Emma")]).await?;
/// #     assert_eq!((books[0].title.as_str(), books.len()), ("Emma", 1));
/// #     let books: Vec<Book> = ask(&service, "Chat", vec![query("Emma"), query("Ivanhoe")]).await?;
/// #     assert_eq!((books[1].title.as_str(), books.len()), ("Ivanhoe", 2));
/// #     Ok(())
/// # }
/// # check(service)?;
/// # Ok::<(), Status>(())
/// ```
pub mod dynamic {
    pub use prost_reflect::{DynamicMessage, Value};

    use super::{Context, Dynamic, Intake, IntoReply, Many, One, Payload, adapter::Adapter};
    use crate::Status;

    shapes!(Dynamic);
}

/// The same shapes over the wire bytes of messages, which nobody decodes or checks.
///
/// ```
/// # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/fixtures.rs")); }
/// use descant_handlers::{Status, typed::{Context, Incoming, Methods, generate, raw::{self, Bytes}}};
///
/// let service = Methods::new()
///     .on("Get", raw::unary(|query: Bytes, _| async move { Ok(query) }))
///     .on("Add", raw::client_streaming(|mut books: Incoming<Bytes>, _| async move {
///         books.next().await.unwrap_or_else(|| Err(Status::invalid_argument("at least one book, please")))
///     }))
///     .on("List", raw::server_streaming(|query: Bytes, _| async move {
///         Ok(generate(|sender| async move {
///             sender.send(query.clone()).await?;
///             sender.send(query).await?;
///             Ok(())
///         }))
///     }))
///     // `Incoming` is a stream itself.
///     .on("Chat", raw::bidi(|queries: Incoming<Bytes>, _| async move { Ok(queries) }));
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn check(service: Methods) -> Result<(), Status> {
/// #     use shop::{Query, ask, query};
/// #     for (name, count) in [("Get", 1), ("Add", 1), ("List", 2), ("Chat", 1)] {
/// #         let same: Vec<Query> = ask(&service, name, vec![query("Emma")]).await?;
/// #         assert_eq!(same, vec![query("Emma"); count], "{name}");
/// #     }
/// #     Ok(())
/// # }
/// # check(service)?;
/// # Ok::<(), Status>(())
/// ```
pub mod raw {
    pub use bytes::Bytes;

    use super::{Context, Intake, IntoReply, Many, One, Payload, Raw, adapter::Adapter};
    use crate::Status;

    shapes!(Raw);
}

#[cfg(test)]
mod tests;
