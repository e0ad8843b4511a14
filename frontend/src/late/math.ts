// LaTeX as MathML, which browsers draw with the fonts they have; nothing is fetched.

import temml from "temml";
import type { TeX } from "../lib/late.ts";

export default {
  mathml(source, display) {
    // Without trust there is no \href, \url, \includegraphics, \class, \id, \style or \data.
    return temml.renderToString(source, {
      displayMode: display,
      throwOnError: true,
      trust: false,
      strict: false,
      annotate: false,
      maxSize: [20, 20],
      maxExpand: 500,
    });
  },
} satisfies TeX;
