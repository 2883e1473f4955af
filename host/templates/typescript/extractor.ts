// Mirrors a file, and follows an API page by page.

import * as run from "landing:extractor/run@0.2.0";
import { Source, exported, info, pages, param } from "./landing";

function extract(): void {
  const base = param("base_url");
  const source = new Source();

  // A file: the host fetches it, and lands it if it is new. It never enters the sandbox.
  const receipt = source.mirror(`${base}/prices.csv`, "csv");
  info(`${receipt.path} holds ${receipt.size} bytes`);

  // An API whose answers name the next page: {"items": [...], "next": "a-cursor"}.
  // A run goes on at the cursor that the newest checkpoint kept.
  for (const page of pages(`${base}/items`, run.cursor())) {
    source.land(page.body, "json");
    if (page.cursor !== undefined) {
      run.checkpoint(page.cursor);
    }
  }
}

export const entry = exported(extract);
