//! Messages that have a JSON form of their own.

use super::{Field, Kind, Shape};

/// Which well-known type a message is.
///
/// Source: ProtoJSON, "Field type mapping", <https://protobuf.dev/programming-guides/json/>.
/// `Empty` is not among them: `{}` is what any message without fields is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Known {
    /// An ordinary message.
    #[default]
    No,
    Any,
    Timestamp,
    Duration,
    FieldMask,
    Struct,
    Value,
    ListValue,
    /// `BoolValue` and its like: the value alone.
    Wrapper,
}

impl Known {
    /// A message of that name which also has the fields that the walkers rely on.
    pub(super) fn of(full_name: &str, fields: &[Field]) -> Self {
        let Some(name) = full_name.strip_prefix("google.protobuf.") else {
            return Self::No;
        };
        let (known, wanted): (_, &[(u32, Kind, Shape)]) = match name {
            "Any" => (
                Self::Any,
                &[(1, Kind::String, Shape::Single), (2, Kind::Bytes, Shape::Single)],
            ),
            "Timestamp" => (Self::Timestamp, SECONDS),
            "Duration" => (Self::Duration, SECONDS),
            "FieldMask" => (Self::FieldMask, &[(1, Kind::String, Shape::Repeated)]),
            "Struct" => (Self::Struct, &[(1, Kind::Message, Shape::Map)]),
            "ListValue" => (Self::ListValue, &[(1, Kind::Message, Shape::Repeated)]),
            "Value" => (Self::Value, VALUE),
            _ => return Self::wrapper(name, fields),
        };
        let same = wanted.len() == fields.len()
            && wanted.iter().zip(fields).all(|((number, kind, shape), field)| {
                (*number, *kind, *shape) == (field.number, field.kind, field.shape)
            });
        if same { known } else { Self::No }
    }

    fn wrapper(name: &str, fields: &[Field]) -> Self {
        let wanted = match name {
            "DoubleValue" => Kind::Double,
            "FloatValue" => Kind::Float,
            "Int64Value" => Kind::Int64,
            "UInt64Value" => Kind::Uint64,
            "Int32Value" => Kind::Int32,
            "UInt32Value" => Kind::Uint32,
            "BoolValue" => Kind::Bool,
            "StringValue" => Kind::String,
            "BytesValue" => Kind::Bytes,
            _ => return Self::No,
        };
        match fields {
            [field] if (field.number, field.kind, field.shape) == (1, wanted, Shape::Single) => Self::Wrapper,
            _ => Self::No,
        }
    }
}

const SECONDS: &[(u32, Kind, Shape)] = &[(1, Kind::Int64, Shape::Single), (2, Kind::Int32, Shape::Single)];

const VALUE: &[(u32, Kind, Shape)] = &[
    (1, Kind::Null, Shape::Single),
    (2, Kind::Double, Shape::Single),
    (3, Kind::String, Shape::Single),
    (4, Kind::Bool, Shape::Single),
    (5, Kind::Message, Shape::Single),
    (6, Kind::Message, Shape::Single),
];
