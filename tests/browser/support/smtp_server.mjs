// SMTP server that records messages, with a delay and rejections on demand.

import { once } from 'node:events';
import PostalMime from 'postal-mime';
import { SMTPServer } from 'smtp-server';
import { waitUntil } from './wait_until.mjs';

export class SmtpServer {
  messages = [];
  /// Milliseconds before each message is accepted.
  delay = 0;
  /// Replies to recipients: address → { code, text }.
  rejections = new Map();

  static async start() {
    const smtp = new SmtpServer();
    smtp.server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['AUTH', 'STARTTLS'],
      disableReverseLookup: true,
      logger: false,
      onRcptTo: ({ address }, session, done) => {
        const rejection = smtp.rejections.get(address);
        done(rejection && Object.assign(new Error(rejection.text), { responseCode: rejection.code }));
      },
      onData: (stream, session, done) => smtp.#receive(stream, session, done),
    });
    smtp.server.on('error', () => {});
    smtp.server.listen(0, '127.0.0.1');
    await once(smtp.server.server, 'listening');
    smtp.port = smtp.server.server.address().port;
    return smtp;
  }

  async #receive(stream, session, done) {
    const parts = [];
    for await (const part of stream) parts.push(part);
    const to = session.envelope.rcptTo[0].address;
    const message = await PostalMime.parse(Buffer.concat(parts));
    setTimeout(() => {
      this.messages.push({ to, subject: message.subject, text: message.text, html: message.html });
      done();
    }, this.delay);
  }

  /// Waits for a message to `to` with a link of this kind, and returns the link of the newest.
  async waitForLink(to, kind) {
    const pattern = new RegExp(`https?://\\S+/${kind}/\\S+`);
    return waitUntil(`${to} has a message with a link to ${kind}`, () => {
      const message = this.messages.findLast(message => message.to === to && pattern.test(message.text));
      return message?.text.match(pattern)[0];
    });
  }

  /// Waits for a message to `to` whose subject contains `subject`.
  async waitForMessage(to, subject) {
    return waitUntil(`${to} has “${subject}”`, () => this.messages.find(message => message.to === to && message.subject.includes(subject)));
  }

  messagesTo(address) { return this.messages.filter(message => message.to === address); }

  close() { return new Promise(resolve => this.server.close(resolve)); }
}
