//! The `nightloom` program; see `nightloom::cli`.

fn main() -> std::process::ExitCode {
    // Mesa's device-select layer asks for a Wayland display and complains on stderr where there is none, as in every
    // nightly run; its only purpose is to reorder adapters, which we choose ourselves.
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    nightloom::cli::main()
}
