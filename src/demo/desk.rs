//! `bookshop.v1.Desk`: orders, and a talk with the bookseller.

use std::sync::Arc;

use descant_handlers::{
    Handler, Status,
    typed::{self, Context, Incoming, Methods, generate},
};
use prost_types::Duration;

use super::{
    catalog::unary,
    messages::{Book, ChatMessage, Content, Delivery, Order, PlaceOrderRequest, Speaker},
    shop::{Shop, cents, invalid, now, words},
};

const MOST_ITEMS: usize = 100;
const DAY: i64 = 24 * 60 * 60;
/// Words that say nothing about a book.
const SMALL_WORDS: [&str; 24] = [
    "a",
    "about",
    "an",
    "and",
    "any",
    "anything",
    "book",
    "books",
    "by",
    "do",
    "for",
    "from",
    "have",
    "i",
    "is",
    "like",
    "me",
    "of",
    "on",
    "please",
    "something",
    "the",
    "with",
    "you",
];

pub(super) fn handler(shop: &Arc<Shop>) -> impl Handler {
    let (order, chat) = (Arc::clone(shop), Arc::clone(shop));
    Methods::new()
        .on("PlaceOrder", unary(move |request| place_order(&order, &request)))
        .on(
            "Chat",
            typed::bidi(move |mut questions: Incoming<ChatMessage>, _: Context| {
                let shop = Arc::clone(&chat);
                async move {
                    Ok(generate(|sender| async move {
                        while let Some(question) = questions.next().await {
                            for content in answer(&shop, question?.content) {
                                sender.send(said(content)).await?;
                            }
                        }
                        Ok(())
                    }))
                }
            }),
        )
}

fn place_order(shop: &Shop, request: &PlaceOrderRequest) -> Result<Order, Status> {
    let mut wrong = Vec::new();
    if request.items.is_empty() || request.items.len() > MOST_ITEMS {
        wrong.push(("items".to_owned(), format!("an order has 1 to {MOST_ITEMS} items")));
    }
    for (index, item) in request.items.iter().enumerate() {
        if item.quantity < 1 {
            wrong.push((format!("items[{index}].quantity"), "must be 1 or more".into()));
        }
    }
    if matches!(&request.delivery, Some(Delivery::Address(address)) if address.trim().is_empty()) {
        wrong.push(("address".into(), "is empty".into()));
    }
    invalid(wrong)?;
    let (number, total) = shop.order(&request.items)?;
    let days = if matches!(request.delivery, Some(Delivery::Address(_))) {
        3
    } else {
        0
    };
    Ok(Order {
        number,
        total: Some(total.money()),
        placed: Some(now()),
        delivery_time: Some(Duration {
            seconds: days * DAY,
            nanos: 0,
        }),
    })
}

/// What the bookseller has to say: a sentence, and the book that it is about if there is one.
fn answer(shop: &Shop, question: Option<Content>) -> Vec<Content> {
    match question {
        Some(Content::Text(text)) => about_words(shop, &text),
        Some(Content::Book(book)) => match shop.get(&book.id) {
            Ok(book) => about(book),
            Err(_) => vec![Content::Text("That one I have never heard of.".into())],
        },
        None => vec![Content::Text("You said nothing. What are you looking for?".into())],
    }
}

fn about_words(shop: &Shop, text: &str) -> Vec<Content> {
    let mut words = words(text);
    words.retain(|word| !SMALL_WORDS.contains(&word.as_str()));
    if words.is_empty() {
        return vec![Content::Text("Good day! Name an author, a title or a genre.".into())];
    }
    match shop.search(&words).into_iter().find_map(|result| result.book) {
        Some(book) => about(book),
        None => vec![Content::Text(format!(
            "Nothing about {} here, I am afraid.",
            words.join(" or ")
        ))],
    }
}

fn about(book: Book) -> Vec<Content> {
    let author = book.authors.first().map_or("somebody", |author| author.name.as_str());
    let stock = match book.in_stock {
        0 => "sold out".to_owned(),
        count => format!("{count} of them left"),
    };
    let text = format!("{:?} by {author}: {}, {stock}.", book.title, cents(&book));
    vec![Content::Text(text), Content::Book(book)]
}

fn said(content: Content) -> ChatMessage {
    ChatMessage {
        speaker: Speaker::Bookseller.into(),
        time: Some(now()),
        content: Some(content),
    }
}
