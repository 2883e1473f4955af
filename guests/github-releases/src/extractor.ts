// Lands the releases of a repository that are newer than those of the last run.
// https://docs.github.com/en/rest/releases/releases and https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api

import * as http from "landing:extractor/http@0.2.0";
import * as run from "landing:extractor/run@0.2.0";
import { LandingError, Source, exported, param, text, worded } from "./landing";

/** What is read of a release; all of it lands. */
interface Release {
  /** None for a draft. */
  published_at: string | null;
}

function extract(): void {
  const repository = param("repository");
  if (!/^[\w.-]+\/[\w.-]+$/.test(repository)) {
    throw new LandingError(`the parameter \`repository\` is no OWNER/NAME: ${repository}`);
  }
  const source = new Source();
  const seen = run.cursor() ?? "";
  let newest = seen;

  let next: string | undefined = `https://api.github.com/repos/${repository}/releases?per_page=${param("per_page", 100)}`;
  while (next !== undefined) {
    const response: http.Response = asked(next);
    const following = linked(response.header("link"));
    const releases = worded(next, () => JSON.parse(text(http.Response.bytes(response)))) as Release[];
    // Times are texts such as 2025-06-14T09:30:00Z, so their order is that of their letters.
    const fresh = releases.filter((release) => (release.published_at ?? "") > seen);
    if (fresh.length > 0) {
      source.land(JSON.stringify(fresh), "json");
    }
    for (const release of fresh) {
      if (release.published_at !== null && release.published_at > newest) newest = release.published_at;
    }
    // The newest come first: behind a page that has old ones alone, there is nothing new.
    const old = releases.some((release) => release.published_at !== null && release.published_at <= seen);
    next = old && fresh.length === 0 ? undefined : following;
  }
  // Only now: after a failure on the way, the next run has to read the pages behind it.
  if (newest > seen) {
    run.checkpoint(newest);
  }
}

/** The answer to a GET, with the token where there is one. */
function asked(url: string): http.Response {
  return worded(url, () => {
    const request = new http.Request(url);
    request.addHeader("accept", "application/vnd.github+json");
    request.addHeader("x-github-api-version", "2022-11-28");
    if (run.hasSecret("token")) request.useSecret("token");
    const response = http.fetch(request);
    const status = response.status();
    if (status !== 200) {
      const left = response.header("x-ratelimit-remaining");
      const why = left === "0" ? ", since the requests of this hour are spent; a token has more" : "";
      throw new LandingError(`${url}: GitHub answered with status ${status}${why}`, "status", "status", status);
    }
    return response;
  });
}

/** The next page in a field `Link`: <https://…>; rel="next", <https://…>; rel="last" */
function linked(field: string | undefined): string | undefined {
  return /<([^>]*)>\s*;\s*rel="next"/.exec(field ?? "")?.[1];
}

export const entry = exported(extract);
