// The interface of `wit/extractor.wit`, as this toolchain offers it: every call waits until it is done. `host wit` says
// what each function means. An error that is thrown has the interface's own in `payload`.

declare module "landing:extractor/http@0.2.0" {
  export type ErrorKind =
    | "invalid" | "denied" | "unreachable" | "timeout" | "too-large" | "protocol" | "budget" | "credential" | "other";
  export interface Error { kind: ErrorKind; code: string; message: string }
  /** An error of any of the interfaces. */
  export interface Failure { kind: string; code: string; message: string; status?: number }
  export class Request {
    constructor(url: string);
    setMethod(method: string): void;
    addHeader(name: string, value: string): void;
    setBody(body: Uint8Array): void;
    useSecret(name: string): void;
    repeatOn(statuses: Uint16Array): void;
    follow(redirects: number): void;
  }
  export class Response {
    private constructor();
    status(): number;
    url(): string;
    headers(): [string, string][];
    header(name: string): string | undefined;
    static bytes(response: Response): Uint8Array;
  }
  export function fetch(request: Request): Response;
  export function describe(error: Error): string;
}

declare module "landing:extractor/zone@0.2.0" {
  import { Error as HttpError, Request, Response } from "landing:extractor/http@0.2.0";
  export interface Date { year: number; month: number; day: number }
  export interface Slot { extension: string; date?: Date }
  export type Outcome = "written" | "unchanged";
  export interface Receipt { outcome: Outcome; path: string; sha256: string; size: bigint }
  export type ErrorKind =
    | "denied" | "invalid" | "fetch" | "status" | "rejected" | "lease-lost" | "storage" | "other";
  export interface Error { kind: ErrorKind; code: string; message: string; status?: number; fetch?: HttpError }
  export type Outcomes = ({ tag: "ok"; val: Receipt } | { tag: "err"; val: Error })[];
  export class Derivation {
    private constructor();
    landBytes(content: Uint8Array, slot: Slot): Receipt;
    static complete(derivation: Derivation): void;
  }
  export class Source {
    private constructor();
    static open(name: string): Source;
    mirror(request: Request, slot: Slot): Receipt;
    mirrorAll(requests: [Request, Slot][], atOnce: number): Outcomes;
    derive(request: Request): [Response, Derivation] | undefined;
    land(response: Response, slot: Slot): Receipt;
    landBytes(content: Uint8Array, slot: Slot): Receipt;
  }
  export function describe(error: Error): string;
}

declare module "landing:extractor/run@0.2.0" {
  import { Date } from "landing:extractor/zone@0.2.0";
  export interface Window { start: Date; end: Date }
  export type Level = "trace" | "debug" | "info" | "warn" | "error";
  export function name(): string;
  export function backfill(): Window | undefined;
  export function startedAt(): bigint;
  export function now(): bigint;
  export function randomBytes(count: number): Uint8Array;
  export function wait(milliseconds: bigint): void;
  export function param(name: string): string | undefined;
  export function params(): [string, string][];
  export function hasSecret(name: string): boolean;
  export function cursor(): string | undefined;
  export function value(key: string): string | undefined;
  export function setValue(key: string, value?: string): void;
  export function keys(prefix: string, after?: string): string[];
  export function checkpoint(cursor?: string): void;
  export function progress(done: bigint, total?: bigint): void;
  export function log(level: Level, message: string): void;
}
