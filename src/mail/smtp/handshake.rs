//! From a host name to a connection that takes mail.

use lettre::transport::smtp::commands::{Ehlo, Starttls};
use secrecy::ExposeSecret;

use crate::domain::delivery::outcome::SmtpResult;
use crate::domain::smtp_url::TlsMode;
use crate::mail::reply::{Reply, SmtpPhase};
use crate::mail::smtp::capabilities::Capabilities;
use crate::mail::smtp::connection::{Connection, Progress};
use crate::mail::smtp::error::{WireError, settings};
use crate::mail::smtp::reply_parser::Lines;
use crate::mail::smtp::server::{HelloName, SmtpServer};
use crate::mail::smtp::stream::SmtpStream;
use crate::mail::smtp::timeouts::Timeouts;
use crate::mail::smtp::{auth, tls};

impl Connection {
    /// Connects, says hello, encrypts and logs in.
    ///
    /// # Errors
    /// Why it could not: deferred when trying later may help,
    /// halted when only the operator can. Nobody's mail has begun.
    pub async fn open(
        server: &SmtpServer,
        hello: &HelloName,
        timeouts: Timeouts,
    ) -> Result<Self, SmtpResult> {
        let hello = server.hello_name().unwrap_or(hello);
        let lost = |error: WireError| error.report(SmtpPhase::Connect);
        let wire = SmtpStream::connect(&server.host, server.port, timeouts.connect)
            .await
            .map_err(lost)?;
        fail_point!("connected");
        let mut connection = Self {
            wire,
            offered: Capabilities::default(),
            timeouts,
            usable: true,
            progress: Progress::Over,
            is_reused: false,
            had_ended: false,
        };
        if server.mode == TlsMode::Implicit {
            connection = connection.encrypt(server).await?;
        }
        let greeting = connection
            .wire
            .read(timeouts.greeting)
            .await
            .map_err(lost)?;
        accepted(SmtpPhase::Connect, greeting)?;
        connection.hello(hello).await?;
        fail_point!("hello-said");
        if connection.should_start_tls(server)? {
            connection
                .ask(SmtpPhase::StartTls, &Starttls.to_string(), timeouts.command)
                .await?;
            if connection.wire.has_unread() {
                return Err(settings(
                    "the server spoke before TLS began, as someone in the middle would",
                ));
            }
            connection = connection.encrypt(server).await?;
            connection.hello(hello).await?;
        }
        connection.log_in(server).await?;
        Ok(connection)
    }

    fn should_start_tls(&self, server: &SmtpServer) -> Result<bool, SmtpResult> {
        match server.mode {
            TlsMode::None | TlsMode::Implicit => Ok(false),
            TlsMode::Required if !self.offered.starttls => Err(settings(
                "smtp.url requires TLS, but the server offers no STARTTLS; nothing was sent",
            )),
            // A password must not be had by whoever strikes STARTTLS from the offer.
            TlsMode::Opportunistic if !self.offered.starttls && server.credentials.is_some() => {
                Err(settings(
                    "the server offers no STARTTLS, and the password is not sent in the clear; leave out tls= to do so",
                ))
            }
            TlsMode::Required | TlsMode::Opportunistic => Ok(self.offered.starttls),
        }
    }

    async fn encrypt(self, server: &SmtpServer) -> Result<Self, SmtpResult> {
        let Some(connector) = &server.tls else {
            return Err(settings(
                "TLS was asked for, but this machine trusts no certificates",
            ));
        };
        let name = tls::server_name(&server.host)?;
        let wire = self
            .wire
            .into_tls(connector, name, self.timeouts.tls)
            .await
            .map_err(|error| tls::handshake_failure(&error))?;
        Ok(Self {
            wire,
            offered: Capabilities::default(),
            ..self
        })
    }

    /// EHLO, or HELO where the server does not know it (RFC 5321 §3.2).
    async fn hello(&mut self, name: &HelloName) -> Result<(), SmtpResult> {
        let limit = self.timeouts.command;
        let ehlo = Ehlo::new(name.client_id().clone()).to_string();
        let reply = self.exchange(SmtpPhase::Ehlo, &ehlo, limit).await?;
        if matches!(reply.code, 500..=504 | 550) {
            self.offered = Capabilities::default();
            return self
                .ask(SmtpPhase::Ehlo, &format!("HELO {name}\r\n"), limit)
                .await;
        }
        self.offered = Capabilities::of(&reply.lines);
        accepted(SmtpPhase::Ehlo, reply)
    }

    async fn log_in(&mut self, server: &SmtpServer) -> Result<(), SmtpResult> {
        let Some(credentials) = &server.credentials else {
            return Ok(());
        };
        let lines = auth::lines(credentials, &self.offered)?;
        for (index, line) in lines.iter().enumerate() {
            let reply = self
                .exchange(SmtpPhase::Auth, line.expose_secret(), self.timeouts.command)
                .await?;
            let more = index + 1 < lines.len();
            if !(more && reply.code == 334) {
                return accepted(SmtpPhase::Auth, reply);
            }
        }
        Ok(())
    }
}

fn accepted(phase: SmtpPhase, reply: Lines) -> Result<(), SmtpResult> {
    if phase.goes_on_with(reply.code) {
        Ok(())
    } else {
        Err(Reply::from(reply).report(phase))
    }
}
