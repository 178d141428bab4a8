//! `headwater function run`: a function's process, under the official runtime client of its language, started and started
//! again. Invariant: as long as this runs there is one such process or one is about to be started; when it ends there is
//! none.
use super::relay::Relay;
use crate::{functions::FunctionName, serve::told_to_stop, settings::DEFAULT_REGION};
use clap::Args;
use headwater_log::clock::{Clock, SystemClock};
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
};

pub(super) const AFTER_HELP: &str = "\
The handler runs under the official runtime client, as in Lambda: .py files under awslambdaric (python3 -m pip install
awslambdaric), .js, .mjs and .cjs files under aws-lambda-ric (npm install aws-lambda-ric). Whatever speaks Lambda's
Runtime API can be run too: its command goes behind --, and finds the address in AWS_LAMBDA_RUNTIME_API. What the
function prints is shown here; the variables of this process are the function's.

A delivery stream calls the function by its name in an ARN of any account and region:
arn:aws:lambda:us-east-1:000000000000:function:NAME. So does Lambda's Invoke API on the server's port.

Examples:
  headwater function run transform --handler transform.py:lambda_handler
  headwater function run enrich --handler src/index.mjs:handler --endpoint http://127.0.0.1:4567
  headwater function run count -- ./target/release/count
  aws --endpoint-url http://127.0.0.1:4566 lambda invoke --function-name transform --payload '{}' /dev/stdout";

const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:4566";
/// How often a process is looked at.
const LOOK_MS: u64 = 100;
/// Pause before a process that ended is started again: doubled each time, until one lives for a while.
const FIRST_PAUSE_MS: u64 = 500;
const LAST_PAUSE_MS: u64 = 30_000;
const A_WHILE_MS: u64 = 10_000;

/// Which function, and how it runs.
#[derive(Args)]
pub(super) struct Run {
    /// The function's name
    name: String,
    /// The file of its handler, and the handler in it [default: lambda_handler in Python, handler in JavaScript]
    #[arg(long, value_name = "FILE[:HANDLER]", required_unless_present = "command", conflicts_with = "command")]
    handler: Option<String>,
    /// The server that calls it: http://HOST:PORT, on this machine
    #[arg(long, env = "AWS_ENDPOINT_URL", value_name = "URL", default_value = DEFAULT_ENDPOINT)]
    endpoint: String,
    /// The region the function is told it runs in
    #[arg(long, env = "AWS_REGION", value_name = "NAME", default_value = DEFAULT_REGION)]
    region: String,
    /// The command of a runtime of its own
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// How a function's process is started.
#[derive(Debug, PartialEq, Eq)]
struct Program {
    folder: PathBuf,
    words: Vec<String>,
    /// As the function is told, in `_HANDLER`.
    handler: String,
}

impl Run {
    pub(super) fn run(self) -> Result<(), String> {
        let name = FunctionName::parse(&self.name).filter(|name| name.qualifier.is_none());
        let name =
            name.ok_or_else(|| format!("'{}': a function's name is 1 to 64 letters, digits, - and _", self.name))?;
        let server = self.endpoint.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
        let server = server.filter(|server| !server.is_empty() && !server.contains('/'));
        let server = server.ok_or_else(|| format!("--endpoint: write http://HOST:PORT, not '{}'", self.endpoint))?;
        let server = if server.contains(':') { server.to_owned() } else { format!("{server}:80") };
        let program = match &self.handler {
            Some(handler) => Program::of_handler(handler)?,
            None => Program { folder: PathBuf::new(), words: self.command.clone(), handler: String::new() },
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
        runtime.block_on(self.supervise(name.name, server, &program))
    }

    async fn supervise(&self, name: String, server: String, program: &Program) -> Result<(), String> {
        let clock: Arc<dyn Clock> = SystemClock::new();
        let opened = Relay::open(server, name.clone(), Arc::clone(&clock)).await;
        let (relay, address) = opened.map_err(|error| format!("cannot listen: {error}"))?;
        let mut pause_ms = FIRST_PAUSE_MS;
        let stopped = told_to_stop();
        tokio::pin!(stopped);
        tell(&format!("{name} runs for {}: {}", self.endpoint, program.words.join(" ")));
        loop {
            let began_us = clock.steady_us();
            let mut process = Process(
                program
                    .command(&name, &self.region, &address.to_string())
                    .spawn()
                    .map_err(|error| format!("{}: {error}", program.words.first().map_or("", String::as_str)))?,
            );
            let ended = tokio::select! {
                ended = process.ended(&*clock) => ended.map_err(|error| format!("{name}: {error}"))?,
                stopped = &mut stopped => return stopped.map_err(|error| format!("cannot listen for signals: {error}")),
            };
            relay.died(&ended.to_string()).await;
            if clock.steady_us() - began_us >= A_WHILE_MS * 1000 {
                pause_ms = FIRST_PAUSE_MS;
            }
            tell(&format!("{name} ended ({ended}); it starts again in {pause_ms} ms"));
            tokio::select! {
                () = clock.sleep(pause_ms) => pause_ms = (pause_ms * 2).min(LAST_PAUSE_MS),
                stopped = &mut stopped => return stopped.map_err(|error| format!("cannot listen for signals: {error}")),
            }
        }
    }
}

/// Says something to whoever watches; nobody need.
fn tell(sentence: &str) {
    let _ = writeln!(io::stderr(), "headwater: {sentence}");
}

/// A process that ends with its handle.
struct Process(Child);

impl Process {
    async fn ended(&mut self, clock: &dyn Clock) -> io::Result<ExitStatus> {
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            clock.sleep(LOOK_MS).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended by itself is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Program {
    /// The program for a handler, `FILE` or `FILE:HANDLER`.
    fn of_handler(text: &str) -> Result<Self, String> {
        let (file, function) = match text.rsplit_once(':') {
            Some((file, function)) if !function.contains(['/', '\\', '.']) => (file, Some(function)),
            _ => (text, None),
        };
        let path = Path::new(file);
        if !path.is_file() {
            return Err(format!("--handler {text}: there is no file {file}"));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let module = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("py") => Self::of_python(folder, format!("{module}.{}", function.unwrap_or("lambda_handler"))),
            Some("js" | "mjs" | "cjs") => Self::of_node(folder, format!("{module}.{}", function.unwrap_or("handler"))),
            _ => {
                let advice = "for anything else, give the command of its runtime behind --";
                Err(format!("--handler {text}: a handler is in a .py, .js, .mjs or .cjs file; {advice}"))
            }
        }
    }

    fn of_python(folder: &Path, handler: String) -> Result<Self, String> {
        const PYTHON: &str = "python3";
        let mut trial = Command::new(PYTHON);
        trial.args(["-c", "import awslambdaric"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match trial.status() {
            Ok(status) if status.success() => {}
            Ok(_) => {
                return Err(format!(
                    "{PYTHON} has no awslambdaric, which runs handlers: {PYTHON} -m pip install awslambdaric"
                ));
            }
            Err(error) => return Err(format!("{PYTHON}, which runs .py handlers: {error}")),
        }
        let words = [PYTHON, "-m", "awslambdaric", &handler].map(str::to_owned).into();
        Ok(Self { folder: folder.to_path_buf(), words, handler })
    }

    fn of_node(folder: &Path, handler: String) -> Result<Self, String> {
        let absolute = std::path::absolute(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let client = absolute.ancestors().map(|at| at.join("node_modules/.bin/aws-lambda-ric")).find(|at| at.is_file());
        let client = client.ok_or_else(|| {
            format!("{} has no aws-lambda-ric, which runs handlers: npm install aws-lambda-ric", folder.display())
        })?;
        Ok(Self { folder: folder.to_path_buf(), words: vec![client.display().to_string(), handler.clone()], handler })
    }

    fn command(&self, function: &str, region: &str, runtime_api: &str) -> Command {
        let mut words = self.words.iter();
        let mut command = Command::new(words.next().map_or("", String::as_str));
        command.args(words).stdin(Stdio::null());
        if !self.folder.as_os_str().is_empty() {
            command.current_dir(&self.folder);
            if let Ok(root) = std::path::absolute(&self.folder) {
                command.env("LAMBDA_TASK_ROOT", root);
            }
        }
        command
            .env("AWS_LAMBDA_RUNTIME_API", runtime_api)
            .env("AWS_LAMBDA_FUNCTION_NAME", function)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{function}"))
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "$LATEST")
            .env("AWS_REGION", region)
            .env("AWS_DEFAULT_REGION", region)
            .env("_HANDLER", &self.handler);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_that_cannot_be_run_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = folder.path().join(name);
            std::fs::File::create_new(&path).unwrap();
            path.display().to_string()
        };
        let refused = |text: &str| Program::of_handler(text).unwrap_err();
        assert!(refused("nowhere.py:f").contains("there is no file nowhere.py"));
        assert!(refused(&file("main.go")).contains("behind --"));
        assert!(refused(&format!("{}:run", file("index.mjs"))).contains("npm install aws-lambda-ric"));
    }

    #[test]
    fn a_node_handler_runs_under_the_client_found_above_it() {
        let folder = tempfile::tempdir().unwrap();
        let (bin, source) = (folder.path().join("node_modules/.bin"), folder.path().join("src"));
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::create_dir_all(&source).unwrap();
        for file in [bin.join("aws-lambda-ric"), source.join("index.mjs")] {
            std::fs::File::create_new(file).unwrap();
        }
        let program = Program::of_handler(&format!("{}:run", source.join("index.mjs").display())).unwrap();
        assert!(program.words[0].ends_with("node_modules/.bin/aws-lambda-ric"));
        assert_eq!((&*program.words[1], program.folder), ("index.run", source));
    }
}
