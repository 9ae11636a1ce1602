//! What a request costs: looking its method up allocates nothing.
#![allow(clippy::unwrap_used)]

use allocation_counter::measure;
use descant_descriptors::{Builtin, Schema};
use prost::Message;
use prost_types::{FileDescriptorProto, FileDescriptorSet};

#[test]
fn a_method_is_found_without_allocating() {
    let file = FileDescriptorProto {
        name: Some("a.proto".into()),
        ..FileDescriptorProto::default()
    };
    let set = FileDescriptorSet { file: vec![file] }.encode_to_vec();
    let schema = Schema::builder()
        .bytes("set", set)
        .builtin(Builtin::Health)
        .build()
        .unwrap();
    let path = "/grpc.health.v1.Health/Check";
    let counted = measure(|| {
        let method = schema.method(path).unwrap();
        assert_eq!((method.path(), method.name()), (path, "Check"));
        assert_eq!(method.full_name(), "grpc.health.v1.Health.Check");
        assert_eq!(method.service().full_name(), "grpc.health.v1.Health");
        assert_eq!(method.input().full_name(), "grpc.health.v1.HealthCheckRequest");
        assert!(schema.method("/grpc.health.v1.Health/Nope").is_none());
    });
    assert_eq!(counted.count_total, 0);
}
