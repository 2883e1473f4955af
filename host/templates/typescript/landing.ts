// Helpers for extractors: errors with words, typed parameters, pages as an iterator, UTF-8.
// The modules "landing:extractor/…" are the interface itself; `wit.d.ts` has their types.

import * as http from "landing:extractor/http@0.2.0";
import * as run from "landing:extractor/run@0.2.0";
import * as zone from "landing:extractor/zone@0.2.0";

/** What failed, in one sentence; it ends the run unless it is caught. */
export class LandingError extends Error {
  constructor(message: string, readonly kind = "other", readonly code = "", readonly status?: number) {
    super(message);
  }
}

/** Do something of the interface, and give its errors words. */
export function worded<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const said = (error as { payload?: http.Failure }).payload;
    throw said?.message === undefined ? error : new LandingError(`${what}: ${said.message}`, said.kind, said.code, said.status);
  }
}

/** A parameter; without a default it has to be set. */
export function param(name: string): string;
export function param<T extends string | number | boolean>(name: string, otherwise: T): T;
export function param(name: string, otherwise?: string | number | boolean): string | number | boolean {
  const text = run.param(name) ?? undefined;
  if (text === undefined) {
    if (otherwise !== undefined) return otherwise;
    throw new LandingError(`the parameter \`${name}\` is not set: give it by \`--param ${name}=VALUE\``);
  }
  if (typeof otherwise === "boolean") return ["1", "true", "yes"].includes(text.toLowerCase());
  if (typeof otherwise !== "number") return text;
  const number = Number(text);
  if (Number.isNaN(number)) throw new LandingError(`the parameter \`${name}\` cannot be ${text}: it is no number`);
  return number;
}

export function info(message: string): void {
  run.log("info", message);
}

/** The body of a GET; a status that is no success is an error. */
export function fetch(url: string, headers: Record<string, string> = {}): Uint8Array {
  return worded(url, () => {
    const request = new http.Request(url);
    for (const [name, value] of Object.entries(headers)) request.addHeader(name, value);
    const response = http.fetch(request);
    const status = response.status();
    if (status < 200 || status > 299) {
      throw new LandingError(`${url}: the server answered with status ${status}`, "status", "status", status);
    }
    return http.Response.bytes(response);
  });
}

/** A page's bytes, and the cursor behind it; none behind the last. */
export interface Page {
  body: Uint8Array;
  cursor: string | undefined;
}

/** The pages of an API whose answers name the next one. */
export function* pages(url: string, after?: string | null, send = "after", read = "next"): Generator<Page> {
  let cursor = after ?? undefined;
  do {
    const separator = url.includes("?") ? "&" : "?";
    const body = fetch(cursor === undefined ? url : `${url}${separator}${send}=${encodeURIComponent(cursor)}`);
    cursor = JSON.parse(text(body))[read] ?? undefined;
    yield { body, cursor };
  } while (cursor !== undefined);
}

/** One directory of the landing zone; without a name it is the extractor's own. */
export class Source {
  private readonly source: zone.Source;

  constructor(readonly name: string = run.name()) {
    this.source = worded(name, () => zone.Source.open(name));
  }

  /** Have the host fetch a URL and land what it holds, if it is new. */
  mirror(url: string, extension: string): zone.Receipt {
    return worded(url, () => this.source.mirror(new http.Request(url), { extension }));
  }

  /** Land content that the extractor made. */
  land(content: Uint8Array | string, extension: string): zone.Receipt {
    const content_ = typeof content === "string" ? bytes(content) : content;
    return worded(this.name, () => this.source.landBytes(content_, { extension }));
  }
}

/** What the host calls. */
export function exported(extract: () => void): { extract(): void } {
  return {
    extract: () => {
      try {
        const returned: unknown = extract();
        if (returned instanceof Promise) {
          throw new LandingError("its function `extract` is async, and this toolchain waits for no promise");
        }
      } catch (error) {
        // The interface wants the text as the error's payload.
        const message = String((error as Error)?.message ?? error);
        throw Object.assign(new Error(message), { payload: message });
      }
    },
  };
}

/** The UTF-8 of a text. */
export function bytes(text: string): Uint8Array {
  const found: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x80) found.push(code);
    else if (code < 0x800) found.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else if (code < 0x10000) found.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    else found.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
  }
  return new Uint8Array(found);
}

/** The text of UTF-8; what is none becomes U+FFFD. */
export function text(bytes: Uint8Array): string {
  const parts: string[] = [];
  let at = 0;
  while (at < bytes.length) {
    const first = bytes[at++];
    const more = first < 0x80 ? 0 : first >= 0xc2 && first < 0xe0 ? 1 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xf0 && first < 0xf5 ? 3 : -1;
    let code = more < 1 ? first : first & (0x3f >> more);
    let left = more;
    while (left > 0 && at < bytes.length && (bytes[at] & 0xc0) === 0x80) {
      code = (code << 6) | (bytes[at++] & 0x3f);
      left--;
    }
    const whole = left === 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
    parts.push(String.fromCodePoint(whole ? code : 0xfffd));
  }
  return parts.join("");
}
