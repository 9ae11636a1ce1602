//! Generates what tonic needs for the echo service, and the descriptor sets that Descant loads.

use prost::Message;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=echo/echo.proto");
    let set = protox::compile(["echo/echo.proto"], ["echo"])?;
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("echo.binpb"), set.encode_to_vec())?;
    tonic_prost_build::configure().build_client(false).compile_fds(set)?;
    orders(&out.join("codec"))
}

/// The messages that the codec converts, with serde as pbjson generates it.
fn orders(out: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=codec/orders.proto");
    std::fs::create_dir_all(out)?;
    let mut set = protox::compile(["codec/orders.proto"], ["codec"])?;
    let bytes = set.encode_to_vec();
    std::fs::write(out.join("orders.binpb"), &bytes)?;
    set.file.retain(|file| file.package() == "orders");
    prost_build::Config::new()
        .out_dir(out)
        .compile_well_known_types()
        .extern_path(".google.protobuf", "::pbjson_types")
        .compile_fds(set)?;
    pbjson_build::Builder::new()
        .out_dir(out)
        .register_descriptors(&bytes)?
        .build(&[".orders"])?;
    Ok(())
}
