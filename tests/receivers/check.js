// check - reads what the receivers got, with parsers that share no code with the daemon.
//
//   node check.js MODULES < records        one JSON document a line: {type, body, secret?, headers?}
//
// Says one JSON document a line: {texts: [what a person sees, by place], raw?} or {fault}. A fault is a message that the
// real receiver would refuse, cut or misread, or in which something that a customer wrote became more than words.
"use strict";
const path = require("path");
const readline = require("readline");
const modules = process.argv[2];
const need = (name) => require(path.join(modules, "node_modules", name));
const Ajv = need("ajv/dist/2020").default;
const cards = need("adaptivecards/dist/adaptivecards.js");
const { marked } = need("marked");
const discord = need("discord-markdown-parser");
const { Parser } = need("htmlparser2");
const { simpleParser } = need("mailparser");
const { Webhook } = need("standardwebhooks");

class Fault extends Error {}
function claim(condition, what) {
  if (!condition) throw new Fault(what);
}

// --- schemas of our own, from the documented limits; nobody publishes these for incoming webhooks

const text = (max, min = 1) => ({ type: "string", minLength: min, maxLength: max });
const object = (properties, required) =>
  ({ type: "object", additionalProperties: false, properties, required: required || Object.keys(properties) });
const list = (items, max, min = 1) => ({ type: "array", items, minItems: min, maxItems: max });
const plain = (max) => object({ type: { const: "plain_text" }, text: text(max), emoji: { const: false } });
const run = object({ type: { const: "TextRun" }, text: text(28000), size: { enum: ["Medium", "Small"] },
                     weight: { const: "Bolder" }, isSubtle: { const: true } }, ["type", "text"]);
const schemas = {
  slack: object({
    text: text(3000), mrkdwn: { const: false }, link_names: { const: false }, unfurl_links: { const: false },
    unfurl_media: { const: false },
    blocks: list({ oneOf: [
      object({ type: { const: "header" }, text: plain(150) }),
      object({ type: { const: "section" }, text: plain(3000) }),
      object({ type: { const: "context" }, elements: list(plain(2000), 10) })] }, 50) }),
  teams: object({
    type: { const: "message" },
    attachments: list(object({
      contentType: { const: "application/vnd.microsoft.card.adaptive" }, contentUrl: { const: null },
      content: object({
        $schema: { const: "http://adaptivecards.io/schemas/adaptive-card.json" }, type: { const: "AdaptiveCard" },
        version: { const: "1.4" }, fallbackText: text(1000),
        body: list(object({ type: { const: "RichTextBlock" }, inlines: list(run, 1) }), 500) }) }), 1) }),
  mattermost: object({
    text: text(16383),
    attachments: list(object({ fallback: text(1000), text: text(16383, 0), footer: text(300) },
                             ["fallback", "text"]), 1) }),
  "google-chat": object({
    fallbackText: text(4096), thread: object({ threadKey: text(4000) }),
    cardsV2: list(object({
      cardId: text(64),
      card: object({ header: object({ title: text(4096) }),
                     sections: list(object({
                       widgets: list(object({ textParagraph: object({ text: text(30000) }) }), 100) }), 1) }) }), 1) }),
  discord: object({
    allowed_mentions: object({ parse: list({}, 0, 0) }),
    embeds: list(object({ title: text(256), description: text(4096), footer: object({ text: text(2048) }) },
                        ["title"]), 10) }),
  telegram: object({
    chat_id: text(64), parse_mode: { const: "HTML" }, text: text(4096 * 2),
    link_preview_options: object({ is_disabled: { const: true } }) }),
  ntfy: object({ topic: { type: "string", pattern: "^[-_A-Za-z0-9]{1,64}$" }, title: text(250), message: text(4000),
                 priority: { enum: [1, 2, 3, 4, 5] } }),
  pagerduty: object({
    routing_key: text(64), event_action: { enum: ["trigger", "acknowledge", "resolve"] }, dedup_key: text(255),
    client: text(255),
    payload: object({ summary: text(1024), source: text(255), severity: { enum: ["critical", "error", "warning", "info"] },
                      custom_details: object({ text: text(100000), note: text(100000) }, ["text"]) },
                    ["summary", "source", "severity"]) }),
};
const ajv = new Ajv({ allErrors: true, strict: true, strictTypes: false });
const validate = Object.fromEntries(Object.entries(schemas).map(([type, schema]) => [type, ajv.compile(schema)]));
const BYTES_MAX = { teams: 28 * 1024, "google-chat": 32000, pagerduty: 512000 };

// --- what each kind of markup shows

const joiner = /\u2060/g;
function no_mention(shown) {
  claim(!/(^|[^A-Za-z0-9])@[\w\p{L}]/u.test(shown), "a mention: " + shown);
}

function html(source, allowed) {
  let shown = "", fault = "";
  const open = [];
  const parser = new Parser({
    onopentag(name, attributes) {
      open.push(name);
      if (!allowed(name, attributes)) fault = fault || `the element <${name} ${JSON.stringify(attributes)}>`;
    },
    onclosetag: () => open.pop(),
    ontext: (part) => { shown += part; },
    oncomment: () => { fault = fault || "a comment"; },
    onprocessinginstruction: (name) => { if (name !== "!doctype") fault = fault || "an instruction " + name; },
  }, { decodeEntities: true });
  parser.end(source);
  claim(!fault, fault);
  claim(!/&(?!(amp|lt|gt|quot|#39);)/.test(source), "a bare & in " + source);
  return shown;
}
const no_elements = () => false;

function markdown(source) { // as Mattermost, whose parser is a fork of this one; HTML is shown there as it is
  claim(!/[<>]/.test(source), "an angle bracket in Mattermost's text");
  no_mention(source);
  const words = (tokens) => tokens.map((token) => {
    if (token.type === "space") return "\n\n";
    if (token.type === "link" && token.raw === token.text) return token.text; // a URL, written out
    claim(["paragraph", "text", "escape", "br"].includes(token.type), `Markdown: ${token.type} ${token.raw}`);
    return token.tokens ? words(token.tokens) : token.type === "br" ? "\n" : token.text;
  }).join("");
  const shown = words(marked.lexer(source, { gfm: true, breaks: true }));
  return shown.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&quot;/g, '"').replace(/&#39;/g, "'")
    .replace(/&amp;/g, "&");
}

function discord_text(source) {
  return discord.parse(source, "normal").map(function words(node) {
    if (Array.isArray(node)) return node.map(words).join("");
    if (node.type === "br" || node.type === "newline") return "\n";
    if (node.type === "url" || node.type === "autolink") {
      const label = node.content.map(words).join("");
      claim(label === node.target, "a link that is not what it says: " + node.target);
      return label;
    }
    if (node.type === "twemoji") return node.name; // a picture in place of the same character
    claim(["text", "escape"].includes(node.type), `Discord: ${node.type} in ${source}`);
    return typeof node.content === "string" ? node.content : node.content.map(words).join("");
  }).join("");
}

// --- each receiver

const see = {
  slack(m) {
    const parts = [m.text, ...m.blocks.flatMap((b) => b.elements ? b.elements.map((e) => e.text) : [b.text.text])];
    return parts.map((part) => {
      claim(!/[<>]/.test(part), "an angle bracket in Slack's text");
      return html(part, no_elements);
    });
  },
  teams(m) {
    const card = m.attachments[0].content, context = new cards.SerializationContext();
    const parsed = new cards.AdaptiveCard();
    parsed.parse(card, context);
    const events = Array.from({ length: context.eventCount }, (_, i) => context.getEventAt(i).message);
    claim(events.length === 0, "Adaptive Card: " + events.join("; "));
    const shown = [];
    for (let i = 0; i < parsed.getItemCount(); i++) {
      const block = parsed.getItemAt(i);
      claim(block instanceof cards.RichTextBlock, "not a RichTextBlock");
      for (let j = 0; j < block.getInlineCount(); j++) {
        const word = block.getInlineAt(j);
        claim(!/\{\{(DATE|TIME)\(/.test(word.text), "a date function: " + word.text);
        shown.push(word.text);
      }
    }
    return shown;
  },
  mattermost: (m) => [markdown(m.text), markdown(m.attachments[0].text), m.attachments[0].footer || ""],
  "google-chat"(m) {
    const card = m.cardsV2[0].card;
    claim(!/[<>]/.test(m.fallbackText + card.header.title), "an angle bracket in Google Chat's title");
    return [card.header.title,
            ...card.sections[0].widgets.map((widget) => html(widget.textParagraph.text, no_elements))];
  },
  discord(m) {
    const embed = m.embeds[0], sizes = [embed.title, embed.description || "", embed.footer ? embed.footer.text : ""];
    claim(sizes.reduce((sum, part) => sum + part.length, 0) <= 6000, "an embed of more than 6000");
    return [discord_text(sizes[0]), discord_text(sizes[1]), sizes[2]]; // a footer is plain text
  },
  telegram(m) {
    const shown = html(m.text, (name, attributes) => ["b", "i"].includes(name) && Object.keys(attributes).length === 0);
    claim(shown.length <= 4096, "more than 4096");
    no_mention(shown);
    return [shown];
  },
  ntfy(m) {
    claim(Buffer.byteLength(m.message) <= 4096, "more than 4096 bytes: it would become a file");
    return [m.title, m.message];
  },
  pagerduty: (m) => [m.payload.summary, m.payload.custom_details ? m.payload.custom_details.text : "",
                     m.payload.custom_details && m.payload.custom_details.note || ""],
};

function webhook(record) {
  new Webhook(record.secret).verify(record.body, record.headers); // throws
  return { texts: [], raw: JSON.parse(record.body) };
}

const MAIL_HEADERS = ["auto-submitted", "content-type", "date", "from", "in-reply-to", "message-id", "mime-version",
                      "references", "subject", "to", "x-auto-response-suppress"];
async function mail(record) {
  const message = await simpleParser(Buffer.from(record.raw_base64, "base64"));
  const names = message.headerLines.map((line) => line.key);
  claim(names.every((name) => MAIL_HEADERS.includes(name)) && new Set(names).size === names.length,
        "headers: " + names.join(" "));
  claim(message.to.value.length === 1 && message.to.value[0].address === record.to, "another addressee");
  claim(message.attachments.length === 0, "an attachment");
  const elements = ["html", "head", "meta", "title", "body", "table", "tr", "td"];
  const attributes = ["lang", "charset", "name", "content", "style", "role", "width", "cellpadding", "cellspacing",
                      "border", "dir"];
  const shown = html(message.html, (name, given) =>
    elements.includes(name) && Object.keys(given).every((attribute) => attributes.includes(attribute)));
  return { texts: [message.subject, message.text, shown] };
}

async function check(record) {
  if (record.type === "webhook") return webhook(record);
  if (record.type === "email") return mail(record);
  const m = JSON.parse(record.body);
  claim(validate[record.type](m), "schema: " + ajv.errorsText(validate[record.type].errors));
  claim(Buffer.byteLength(record.body) <= (BYTES_MAX[record.type] || 65536), "larger than the receiver takes");
  return { texts: see[record.type](m).map((part) => part.replace(joiner, "")) };
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    let said;
    try {
      said = await check(JSON.parse(line));
    } catch (error) {
      said = { fault: String(error.message || error) };
    }
    process.stdout.write(JSON.stringify(said) + "\n");
  }
})();
