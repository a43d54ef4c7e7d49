// A mail server that keeps what it gets, and can be made slow or be told to refuse.

import { once } from 'node:events';
import PostalMime from 'postal-mime';
import { SMTPServer } from 'smtp-server';
import { until } from './until.mjs';

export class MailServer {
  mails = [];
  /// Milliseconds before each mail is taken.
  delay = 0;
  /// address → { code, words }
  refused = new Map();

  static async start() {
    const it = new MailServer();
    it.server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['AUTH', 'STARTTLS'],
      disableReverseLookup: true,
      logger: false,
      onRcptTo: ({ address }, session, done) => {
        const refusal = it.refused.get(address);
        done(refusal && Object.assign(new Error(refusal.words), { responseCode: refusal.code }));
      },
      onData: (stream, session, done) => it.#take(stream, session, done),
    });
    it.server.on('error', () => {});
    it.server.listen(0, '127.0.0.1');
    await once(it.server.server, 'listening');
    it.port = it.server.server.address().port;
    return it;
  }

  async #take(stream, session, done) {
    const parts = [];
    for await (const part of stream) parts.push(part);
    const to = session.envelope.rcptTo[0].address;
    const mail = await PostalMime.parse(Buffer.concat(parts));
    setTimeout(() => {
      this.mails.push({ to, subject: mail.subject, text: mail.text, html: mail.html });
      done();
    }, this.delay);
  }

  /// The newest mail to `to` whose text has a link of that kind; gives the link.
  async link(to, kind) {
    const pattern = new RegExp(`https?://\\S+/${kind}/\\S+`);
    return until(`${to} has a mail with a link to ${kind}`, () => {
      const mail = this.mails.findLast(mail => mail.to === to && pattern.test(mail.text));
      return mail?.text.match(pattern)[0];
    });
  }

  async mail(to, subject) {
    return until(`${to} has “${subject}”`, () => this.mails.find(mail => mail.to === to && mail.subject.includes(subject)));
  }

  to(address) { return this.mails.filter(mail => mail.to === address); }

  close() { return new Promise(resolve => this.server.close(resolve)); }
}
