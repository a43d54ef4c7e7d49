//! Opens a connection: greeting, EHLO, STARTTLS and authentication.

use lettre::transport::smtp::commands::{Ehlo, Starttls};
use secrecy::ExposeSecret;

use crate::domain::delivery::outcome::SmtpResult;
use crate::domain::smtp_url::TlsMode;
use crate::mail::reply::{Reply, SmtpPhase};
use crate::mail::smtp::capabilities::Capabilities;
use crate::mail::smtp::connection::{Connection, Progress};
use crate::mail::smtp::error::{StreamError, settings_error};
use crate::mail::smtp::hello_name::HelloName;
use crate::mail::smtp::reply_parser::ReplyLines;
use crate::mail::smtp::server::SmtpServer;
use crate::mail::smtp::stream::SmtpStream;
use crate::mail::smtp::timeouts::Timeouts;
use crate::mail::smtp::{auth, tls};

impl Connection {
    /// Connects, sends EHLO, starts TLS and authenticates.
    ///
    /// # Errors
    ///
    /// Returns [`Outcome::Deferred`] if a later attempt may succeed, and
    /// [`Outcome::Halted`] if the operator must change the settings. No message was started.
    ///
    /// [`Outcome::Deferred`]: crate::domain::delivery::outcome::Outcome::Deferred
    /// [`Outcome::Halted`]: crate::domain::delivery::outcome::Outcome::Halted
    pub async fn open(
        server: &SmtpServer,
        hello: &HelloName,
        timeouts: Timeouts,
    ) -> Result<Self, SmtpResult> {
        let hello = server.hello_name().unwrap_or(hello);
        let connect_error = |error: StreamError| error.to_result(SmtpPhase::Connect);
        let stream = SmtpStream::connect(&server.host, server.port, timeouts.connect)
            .await
            .map_err(connect_error)?;
        fail_point!("connected");
        let mut connection = Self {
            stream,
            offered: Capabilities::default(),
            timeouts,
            usable: true,
            progress: Progress::Completed,
            is_reused: false,
            closed_by_peer: false,
            has_delivered: false,
            refused_when_used: false,
        };
        if server.mode == TlsMode::Implicit {
            connection = connection.encrypt(server).await?;
        }
        let greeting = connection
            .stream
            .read(timeouts.greeting)
            .await
            .map_err(connect_error)?;
        require_success(SmtpPhase::Connect, greeting)?;
        connection.send_hello(hello).await?;
        fail_point!("ehlo-replied");
        if connection.should_start_tls(server)? {
            connection
                .command(SmtpPhase::StartTls, &Starttls.to_string(), timeouts.command)
                .await?;
            if connection.stream.has_unread() {
                return Err(settings_error(
                    "the server sent data before the TLS handshake, which may be an attack; nothing was sent",
                ));
            }
            connection = connection.encrypt(server).await?;
            connection.send_hello(hello).await?;
        }
        connection.authenticate(server).await?;
        Ok(connection)
    }

    fn should_start_tls(&self, server: &SmtpServer) -> Result<bool, SmtpResult> {
        match server.mode {
            TlsMode::None | TlsMode::Implicit => Ok(false),
            TlsMode::Required if !self.offered.starttls => Err(settings_error(
                "smtp.url requires TLS, but the server does not offer STARTTLS; nothing was sent",
            )),
            // An attacker who removes STARTTLS from the offer must not receive the password.
            TlsMode::Opportunistic if !self.offered.starttls && server.credentials.is_some() => {
                Err(settings_error(
                    "the server does not offer STARTTLS, so the password was not sent; remove tls= from smtp.url to send it without TLS",
                ))
            }
            TlsMode::Required | TlsMode::Opportunistic => Ok(self.offered.starttls),
        }
    }

    async fn encrypt(self, server: &SmtpServer) -> Result<Self, SmtpResult> {
        let Some(connector) = &server.tls else {
            return Err(settings_error(
                "TLS needs root certificates, and this system has none",
            ));
        };
        let name = tls::server_name(&server.host)?;
        let stream = self
            .stream
            .into_tls(connector, name, self.timeouts.tls)
            .await
            .map_err(|error| tls::handshake_failure(&error))?;
        Ok(Self {
            stream,
            offered: Capabilities::default(),
            ..self
        })
    }

    /// Sends EHLO, or HELO if the server does not know EHLO (RFC 5321 §3.2).
    async fn send_hello(&mut self, name: &HelloName) -> Result<(), SmtpResult> {
        let limit = self.timeouts.command;
        let ehlo = Ehlo::new(name.client_id().clone()).to_string();
        let reply = self.exchange(SmtpPhase::Ehlo, &ehlo, limit).await?;
        if matches!(reply.code, 500..=504 | 550) {
            self.offered = Capabilities::default();
            return self
                .command(SmtpPhase::Ehlo, &format!("HELO {name}\r\n"), limit)
                .await;
        }
        self.offered = Capabilities::parse(&reply.lines);
        require_success(SmtpPhase::Ehlo, reply)
    }

    async fn authenticate(&mut self, server: &SmtpServer) -> Result<(), SmtpResult> {
        let Some(credentials) = &server.credentials else {
            return Ok(());
        };
        let lines = auth::auth_lines(credentials, &self.offered)?;
        for (index, line) in lines.iter().enumerate() {
            let reply = self
                .exchange(SmtpPhase::Auth, line.expose_secret(), self.timeouts.command)
                .await?;
            let has_more = index + 1 < lines.len();
            if !(has_more && reply.code == 334) {
                return require_success(SmtpPhase::Auth, reply);
            }
        }
        Ok(())
    }
}

fn require_success(phase: SmtpPhase, reply: ReplyLines) -> Result<(), SmtpResult> {
    if phase.is_success(reply.code) {
        Ok(())
    } else {
        Err(Reply::from(reply).to_result(phase))
    }
}
