// Mirrors the parameter `url`, and lands a line of its own making.

import * as run from "landing:extractor/run@0.2.0";
import { Source, exported, param } from "./landing";

export const entry = exported(() => {
  const source = new Source();
  const receipt = source.mirror(param("url"), "csv");
  source.land(`made by ${run.name()}: ${receipt.size} bytes\n`, "txt");
});
