//! The books that the shop starts with.

use prost_types::{Duration, Timestamp};

use super::{
    messages::{Audio, Author, Binding, Book, Ebook, Format, Genre, Paper},
    money::Cents,
};

/// All of them in the public domain.
pub(super) fn books() -> Vec<Book> {
    vec![
        book(
            "emma",
            "Emma",
            ("Jane Austen", 1775),
            Genre::Novel,
            "1815-12-23T00:00:00Z",
            999,
        )
        .paper(474, 12),
        book(
            "faust",
            "Faust",
            ("Johann Wolfgang von Goethe", 1749),
            Genre::Drama,
            "1808-01-01T00:00:00Z",
            740,
        )
        .called("A Tragedy")
        .paper(328, 4),
        book(
            "frankenstein",
            "Frankenstein",
            ("Mary Shelley", 1797),
            Genre::Novel,
            "1818-01-01T00:00:00Z",
            850,
        )
        .called("The Modern Prometheus")
        .audio(31_320, "Nora Wells"),
        book(
            "hamlet",
            "Hamlet",
            ("William Shakespeare", 1564),
            Genre::Drama,
            "1603-01-01T00:00:00Z",
            650,
        )
        .paper(289, 9),
        book(
            "leaves-of-grass",
            "Leaves of Grass",
            ("Walt Whitman", 1819),
            Genre::Poetry,
            "1855-07-04T00:00:00Z",
            1150,
        )
        .paper(624, 3),
        book(
            "on-the-origin-of-species",
            "On the Origin of Species",
            ("Charles Darwin", 1809),
            Genre::Science,
            "1859-11-24T00:00:00Z",
            1425,
        )
        .ebook("epub", 2_310_144),
        book(
            "the-art-of-war",
            "The Art of War",
            ("Sun Tzu", -544),
            Genre::Unspecified,
            "1910-01-01T00:00:00Z",
            595,
        )
        .paper(112, 1),
        book(
            "through-the-looking-glass",
            "Through the Looking-Glass",
            ("Lewis Carroll", 1832),
            Genre::Fantasy,
            "1871-12-27T00:00:00Z",
            790,
        )
        .called("And What Alice Found There")
        .paper(208, 7),
    ]
}

fn book(id: &str, title: &str, (author, born): (&str, i32), genre: Genre, published: &str, cents: i64) -> Book {
    Book {
        id: id.into(),
        title: title.into(),
        authors: vec![Author {
            name: author.into(),
            born: Some(born),
        }],
        genre: genre.into(),
        price: Some(Cents::new(cents).money()),
        published: published.parse::<Timestamp>().ok(),
        in_stock: 1000,
        ..Book::default()
    }
}

impl Book {
    fn called(mut self, subtitle: &str) -> Self {
        self.subtitle = Some(subtitle.into());
        self
    }

    fn paper(mut self, pages: i32, in_stock: i32) -> Self {
        let binding = if pages > 400 {
            Binding::Hardcover
        } else {
            Binding::Paperback
        };
        self.in_stock = in_stock;
        self.labels.insert("shelf".into(), self.id.chars().take(1).collect());
        self.format = Some(Format::Paper(Paper {
            pages,
            binding: binding.into(),
        }));
        // Two minutes a page.
        self.reading_time = Some(seconds(i64::from(pages) * 120));
        self
    }

    fn ebook(mut self, file_type: &str, size_bytes: i64) -> Self {
        self.format = Some(Format::Ebook(Ebook {
            file_type: file_type.into(),
            size_bytes,
        }));
        self
    }

    fn audio(mut self, length: i64, narrator: &str) -> Self {
        self.format = Some(Format::Audio(Audio {
            length: Some(seconds(length)),
            narrator: narrator.into(),
        }));
        self.reading_time = Some(seconds(length));
        self
    }
}

fn seconds(seconds: i64) -> Duration {
    Duration { seconds, nanos: 0 }
}
