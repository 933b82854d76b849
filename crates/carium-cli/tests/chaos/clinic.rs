//! A sandbox behind a proxy, a file of rows, and the program that onboards them.

use std::fmt::Write as _;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use carium_mock::{FakeCarium, Sandbox};
use serde_json::Value;

use crate::balance::{Balance, balance, created, documents, email, letter};
use crate::postgres::PostgresServer;
use crate::proxy::{Call, Proxy};
use crate::support::clinic::output_of;
use crate::support::{CommandOutput, KEY, TestEnv};

pub(crate) struct Clinic {
    pub(crate) sandbox: Sandbox,
    pub(crate) proxy: Proxy,
    pub(crate) env: TestEnv,
    pub(crate) server: Option<PostgresServer>,
    pub(crate) rows: usize,
}

impl Clinic {
    /// Starts a sandbox and writes a file of rows. The queue is on the server if there is one.
    pub(crate) async fn start(rows: usize, server: Option<PostgresServer>) -> Self {
        let sandbox = Sandbox::start().await.unwrap();
        let fake: FakeCarium = sandbox.fake().clone();
        let proxy =
            Proxy::start(sandbox.url(), sandbox.object_store().url(), move || fake.revoke_tokens()).await;
        let env = TestEnv::new(&proxy.url);
        let mut text = String::new();
        for row in 0..rows {
            text += &row_text(row);
            for number in 0..documents(row) {
                let name = format!("letter-{row}-{number}.txt");
                fs::write(env.directory().join(name), letter(row, number)).unwrap();
            }
        }
        fs::write(env.directory().join("rows.ndjson"), text).unwrap();
        Self { sandbox, proxy, env, server, rows }
    }

    pub(crate) fn fake(&self) -> &FakeCarium {
        self.sandbox.fake()
    }

    fn queue(&self) -> String {
        self.server.as_ref().map_or("queue.db".to_owned(), PostgresServer::url)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.env.carium(arguments);
        command.args(["--queue", &self.queue()]).env("CARIUM_QUEUE_KEY", KEY);
        command
    }

    /// Returns the command that onboards the file.
    pub(crate) fn onboard(&self, options: &[&str]) -> Command {
        let mut command = self.command(&["onboard", "rows.ndjson", "--max-outage", "30s"]);
        command.args(options);
        command
    }

    /// Returns the command of a further worker.
    pub(crate) fn worker(&self, options: &[&str]) -> Command {
        let mut command =
            self.command(&["worker", "--documents", ".", "--until-settled", "--max-outage", "30s"]);
        command.args(options);
        command
    }

    /// Starts a process whose stderr is appended to a file. The signal of a limit on the size of files is ignored, so
    /// that a write fails as on a full disk.
    pub(crate) fn spawn(&self, inner: &Command) -> Child {
        let mut command = self.env.command("bash");
        command.args(["-c", "trap '' XFSZ; exec \"$@\"", "bash"]);
        command.arg(inner.get_program()).args(inner.get_args()).env("CARIUM_QUEUE_KEY", KEY);
        let log = fs::File::options().append(true).create(true).open(self.env.directory().join("stderr"));
        command.stdout(Stdio::null()).stderr(log.unwrap()).spawn().unwrap()
    }

    /// Returns the end of what the processes have printed to stderr.
    pub(crate) fn messages(&self) -> String {
        let text = fs::read_to_string(self.env.directory().join("stderr")).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    /// Runs a subcommand of `carium onboard` that prints NDJSON, which must succeed.
    pub(crate) async fn list(&self, subcommand: &str) -> String {
        let output = output_of(self.command(&["onboard", subcommand, "--output", "ndjson"])).await;
        assert_eq!(output.code, Some(0), "{output:?}");
        output.stdout
    }

    pub(crate) async fn balance(&self) -> Balance {
        let (report, parked) = (self.list("report").await, self.list("parked").await);
        balance(self.fake(), self.rows, &report, &parked, &self.list("orphans").await)
    }

    /// Resolves each unknown outcome as a person would who looks at the service. Returns their number.
    pub(crate) async fn resolve_all(&self) -> usize {
        let (parked, orphans) = (self.list("parked").await, self.list("orphans").await);
        let mut decisions = String::from("row,decision,id,step\n");
        let mut resolved = 0;
        for line in parked.lines() {
            let entry: Value = serde_json::from_str(line).unwrap();
            if entry["state"] != "unknown" {
                continue;
            }
            resolved += 1;
            let step = entry["step"].as_str().unwrap();
            let created = created(self.fake(), entry["line"].as_u64().unwrap() as usize - 1);
            let first = |ids: &[String]| ids.first().map(|id| ("created", id.clone()));
            let decision = match step {
                "patient" => first(&created.patients),
                "appointment" => first(&created.appointments),
                _ if step.starts_with("documents[") => {
                    let number: usize = step["documents[".len()..step.len() - 1].parse().unwrap();
                    let (processed, without_file) = &created.documents[number];
                    // A reference without a file that the program does not know becomes an orphan.
                    let unknown = without_file.iter().find(|id| !orphans.contains(id.as_str()));
                    first(processed).or_else(|| unknown.map(|id| ("created", id.clone())))
                }
                _ => (created.invitations > 0).then(|| ("sent", String::new())),
            };
            let (decision, id) = decision.unwrap_or(("not-created", String::new()));
            writeln!(decisions, "{},{decision},{id},{step}", entry["row"]).unwrap();
        }
        if resolved > 0 {
            fs::write(self.env.directory().join("decisions.csv"), &decisions).unwrap();
            let output = output_of(self.command(&["onboard", "resolve", "--from", "decisions.csv"])).await;
            assert_eq!(output.code, Some(0), "{decisions}{output:?}");
        }
        resolved
    }

    /// Runs the program and resolves what is unknown, until every row is completed.
    pub(crate) async fn complete(&self) -> usize {
        let mut resolved = 0;
        for _ in 0..5 {
            let output = self.run_onboard().await;
            if output.code == Some(0) {
                return resolved;
            }
            assert_eq!(output.code, Some(7), "{output:?}");
            resolved += self.resolve_all().await;
            // The balance has noted failures already.
            let output = output_of(self.command(&["onboard", "retry"])).await;
            assert_eq!(output.code, Some(0), "{output:?}");
        }
        panic!("rows are still parked after five runs: {}", self.list("parked").await);
    }

    pub(crate) async fn run_onboard(&self) -> CommandOutput {
        output_of(self.onboard(&[])).await
    }

    /// Runs the program until it ends, and kills it at the request for which the function returns `true`: before or
    /// after the service has applied it. Returns whether it was killed.
    pub(crate) async fn run_and_kill(
        &self,
        after_applying: bool,
        mut is_last: impl FnMut(&Call) -> bool + Send + 'static,
    ) -> bool {
        let mut process = self.onboard(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let (pid, killed) = (process.id(), Arc::new(AtomicBool::new(false)));
        let was_killed = Arc::clone(&killed);
        self.proxy.set_hook(move |call| {
            if was_killed.load(Ordering::Relaxed) || !is_last(call) {
                return crate::proxy::Action::Pass;
            }
            was_killed.store(true, Ordering::Relaxed);
            let kill = Box::new(move || send_signal(pid, "KILL"));
            if after_applying {
                crate::proxy::Action::StopAfter(kill)
            } else {
                crate::proxy::Action::StopBefore(kill)
            }
        });
        tokio::task::spawn_blocking(move || process.wait().unwrap()).await.unwrap();
        self.proxy.set_hook(|_| crate::proxy::Action::Pass);
        killed.load(Ordering::Relaxed)
    }
}

impl Clinic {
    /// Runs the program until it ends, and kills it after its system call with this number among those with these
    /// names, in all threads together. Returns whether it was killed, or `None` if it has fewer of these calls.
    ///
    /// `strace` delays the end of each of these calls, so that the program is killed before it goes on.
    pub(crate) async fn run_and_kill_after(&self, system_calls: &str, number: usize) -> Option<bool> {
        let inner = self.onboard(&[]);
        let log = self.env.directory().join("strace");
        let mut command = self.env.command("strace");
        let delay = format!("inject={system_calls}:delay_exit=30000");
        command.args([
            "-f",
            "-qq",
            "-e",
            "signal=none",
            "-e",
            &format!("trace={system_calls}"),
            "-e",
            &delay,
            "-o",
        ]);
        command.arg(&log).arg(inner.get_program()).args(inner.get_args()).env("CARIUM_QUEUE_KEY", KEY);
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let thread = || {
            let text = fs::read_to_string(&log).unwrap_or_default();
            let mut delayed = text.lines().filter(|line| line.ends_with("(DELAYED)"));
            delayed.nth(number - 1).map(|line| line.split_whitespace().next().unwrap().parse().unwrap())
        };
        let mut is_killed = false;
        loop {
            if let Some(status) = process.try_wait().unwrap() {
                let is_finished = [Some(0), Some(7)].contains(&status.code());
                assert!(is_killed || is_finished, "{status}, {} calls", thread().is_some());
                return if is_killed { Some(true) } else { thread().map(|_: u32| false) };
            }
            if let Some(thread) = thread().filter(|_| !is_killed) {
                // The signal to a thread ends its process.
                send_signal(thread, "KILL");
                is_killed = true;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

pub(crate) fn send_signal(pid: u32, signal: &str) {
    // The process may have ended already.
    let _ =
        Command::new("kill").args([&format!("-{signal}"), &pid.to_string()]).stderr(Stdio::null()).status();
}

fn row_text(row: usize) -> String {
    let document = |number| {
        format!(
            r#"{{"path":"letter-{row}-{number}.txt","class":"Referral letter","name":"Letter {number}"}}"#
        )
    };
    let documents: Vec<_> = (0..documents(row)).map(document).collect();
    format!(
        r#"{{"first-name":"Zoë{row}","last-name":"O'Hara","birth-date":"1984-02-29","gender":"female","email":"{}","organization-id":"8d25a2a6-8219-40d1-a34f-c24ec69f4f72","invite":["email"],"documents":[{}],"appointment":{{"practitioner":"Dr. Quill","type":"Video visit","status":"Scheduled","start-time":"2031-01-04T09:00:00Z","end-time":"2031-01-04T09:30:00Z","add-video-channel":false}}}}"#,
        email(row),
        documents.join(",")
    ) + "\n"
}
