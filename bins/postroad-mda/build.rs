//! Links what unwinding needs into the program itself. It is started for each letter, and a shared library less is a
//! tenth of a millisecond (libgcc_s asks the processor for its features, which a virtual machine answers slowly).

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|environment| environment == "gnu") {
        println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
    }
}
