//! What is converted: messages of six kinds, each as wire and as JSON.

use fastrand::Rng;

use crate::proto::{Address, Blob, Card, Customer, Item, Order, Price, Small, State, order::Payment};

/// Messages of one kind, of one type.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) type_name: &'static str,
    pub(crate) wires: Vec<Vec<u8>>,
    pub(crate) jsons: Vec<Vec<u8>>,
}

impl Kind {
    fn new<M>(name: &'static str, type_name: &'static str, messages: &[M]) -> Self
    where
        M: prost::Message + serde::Serialize,
    {
        Self {
            name,
            type_name,
            wires: messages.iter().map(M::encode_to_vec).collect(),
            jsons: messages
                .iter()
                .map(|message| serde_json::to_vec(message).unwrap())
                .collect(),
        }
    }
}

pub(crate) fn kinds() -> Vec<Kind> {
    let mut rng = Rng::with_seed(1);
    let mut many = |count: usize, items: usize, alphabet: &str| -> Vec<Order> {
        (0..count).map(|_| order(&mut rng, items, alphabet)).collect()
    };
    let medium = many(256, 6, ASCII);
    let mut shuffled = Kind::new("N", "orders.Order", &medium);
    for wire in &mut shuffled.wires {
        *wire = reversed(wire);
    }
    vec![
        Kind::new("S", "orders.Small", &small()),
        Kind::new("M", "orders.Order", &medium),
        Kind::new("L", "orders.Order", &many(8, 150, ASCII)),
        Kind::new("B", "orders.Blob", &blobs()),
        shuffled,
        Kind::new("U", "orders.Order", &many(64, 6, UNICODE)),
    ]
}

const ASCII: &str = "abcdefghijklmnopqrstuvwxyz 0123456789-_./";
const UNICODE: &str = "äöüßéèñçøåłžşğ漢字仮名한글😀🚀\"\n";

fn text(rng: &mut Rng, alphabet: &str, length: std::ops::Range<usize>) -> String {
    let letters: Vec<char> = alphabet.chars().collect();
    let count = rng.usize(length);
    (0..count).map(|_| letters[rng.usize(..letters.len())]).collect()
}

fn order(rng: &mut Rng, items: usize, alphabet: &str) -> Order {
    let mut word = |length| text(rng, alphabet, length);
    let customer = Customer {
        name: word(10..20),
        mail: word(15..25),
        address: Some(Address {
            street: word(12..24),
            city: word(6..14),
            postal_code: word(5..6),
            country: word(2..3),
        }),
        since: 1_234_567_890,
    };
    let card = Card {
        holder: word(10..20),
        last_digits: word(4..5),
        month: 7,
        year: 2031,
    };
    let labels = (0..3).map(|index| (format!("label-{index}"), word(6..14))).collect();
    let (name, notes) = (word(20..30), vec![word(20..40), word(20..40)]);
    Order {
        name,
        number: rng.i64(1 << 20..1 << 50),
        customer: Some(customer),
        items: (0..items).map(|_| item(rng, alphabet)).collect(),
        state: State::Shipped.into(),
        created: Some(time(rng)),
        updated: Some(time(rng)),
        labels,
        total: f64::from(rng.u32(100..1_000_000)) / 100.0,
        paid: true,
        digest: (0..32).map(|_| rng.u8(..)).collect::<Vec<_>>(),
        scores: (0..8).map(|_| rng.i32(0..100_000)).collect(),
        notes,
        payment: Some(Payment::Card(card)),
    }
}

fn time(rng: &mut Rng) -> pbjson_types::Timestamp {
    pbjson_types::Timestamp {
        seconds: rng.i64(1_500_000_000..1_900_000_000),
        nanos: rng.i32(0..1000) * 1_000_000,
    }
}

fn item(rng: &mut Rng, alphabet: &str) -> Item {
    Item {
        product: text(rng, alphabet, 16..32),
        quantity: rng.i32(1..50),
        price: Some(Price {
            currency: "EUR".to_owned(),
            units: rng.i64(1..5000),
            nanos: rng.i32(0..100) * 10_000_000,
        }),
        gift: rng.bool(),
        tags: vec![text(rng, alphabet, 4..10), text(rng, alphabet, 4..10)],
    }
}

fn small() -> Vec<Small> {
    let mut rng = Rng::with_seed(2);
    let small = |_| Small {
        name: text(&mut rng, ASCII, 6..30),
        count: rng.i32(1..100_000),
        ready: true,
    };
    (0..256).map(small).collect()
}

fn blobs() -> Vec<Blob> {
    let mut rng = Rng::with_seed(3);
    let blob = |_| Blob {
        name: "blob".to_owned(),
        data: (0..64 << 10).map(|_| rng.u8(..)).collect(),
    };
    (0..4).map(blob).collect()
}

/// The same message with its first half behind its second: legal, but not in the order of the numbers.
fn reversed(wire: &[u8]) -> Vec<u8> {
    let mut ends = Vec::new();
    let mut rest = wire;
    while !rest.is_empty() {
        prost::encoding::decode_key(&mut rest)
            .and_then(|(tag, wire_type)| {
                prost::encoding::skip_field(wire_type, tag, &mut rest, prost::encoding::DecodeContext::default())
            })
            .unwrap();
        ends.push(wire.len() - rest.len());
    }
    let (first, second) = wire.split_at(ends[ends.len() / 2]);
    [second, first].concat()
}
