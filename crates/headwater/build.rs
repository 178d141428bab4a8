//! Builds the web console where Node is found, and hands its files to the compiler. Invariant: a console that cannot be
//! built is a warning and a server without it, never a failed build.
#![expect(clippy::disallowed_methods, reason = "a build script has no seams")]
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// `skip` builds without the console.
const CHOICE: &str = "HEADWATER_CONSOLE";
const CONSOLE: &str = "../../console";
/// What of it decides how it comes out.
const SOURCES: [&str; 8] = [
    "package.json",
    "package-lock.json",
    ".npmrc",
    "tsconfig.json",
    "vite.config.ts",
    "embed.mjs",
    "index.html",
    "src",
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed={CHOICE}");
    let console = Path::new(CONSOLE);
    for source in SOURCES.map(|source| console.join(source)).iter().filter(|source| source.exists()) {
        println!("cargo:rerun-if-changed={}", source.display());
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let is_unwanted = env::var(CHOICE).is_ok_and(|choice| choice == "skip");
    let warn = |why: &String| println!("cargo:warning=the server is built without its console: {why}");
    if is_unwanted || build(console, &out).inspect_err(warn).is_err() {
        let path = out.join("console.rs");
        if let Err(error) = fs::write(&path, "&[]") {
            println!("cargo:warning={}: {error}", path.display());
        }
    }
}

fn build(console: &Path, out: &Path) -> Result<(), String> {
    if !console.join("package.json").exists() {
        return Err(format!("{} is not there", console.display()));
    }
    install(console)?;
    run(Command::new("node").arg("embed.mjs").arg(out).current_dir(console))
}

/// Installs what the lock file names, unless that was done before.
fn install(console: &Path) -> Result<(), String> {
    let text = |error: std::io::Error| format!("{}: {error}", console.display());
    let pins = fs::read(console.join("package-lock.json")).map_err(text)?;
    let stamp = console.join("node_modules/pins");
    if fs::read(&stamp).is_ok_and(|stamped| stamped == pins) {
        return Ok(());
    }
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    run(Command::new(npm).args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(console))?;
    fs::write(stamp, pins).map_err(text)
}

fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    Err(format!("{name}: {}: {line}", output.status))
}
