import { describe, expect, test } from "vitest";
import en from "@catalog/en/console.json";
import zh from "@catalog/zh-CN/console.json";
import { localeFor } from "./index";

type Tree = { [key: string]: string | Tree };

function sentences(tree: Tree, path = ""): Map<string, string[]> {
  const out = new Map<string, string[]>();
  for (const [key, value] of Object.entries(tree)) {
    const full = path ? `${path}.${key}` : key;
    if (typeof value !== "string") for (const [k, v] of sentences(value, full)) out.set(k, [...(out.get(k) ?? []), ...v]);
    else {
      const name = full.replace(/_(one|other)$/, "");
      out.set(name, [...(out.get(name) ?? []), value]);
    }
  }
  return out;
}

const placeholders = (text: string) => [...new Set([...text.matchAll(/{{(\w+)}}/g)].map((m) => m[1]))].sort();

describe("the two catalogues", () => {
  const english = sentences(en);
  const chinese = sentences(zh);

  test("say the same things", () => {
    expect([...chinese.keys()].sort()).toEqual([...english.keys()].sort());
  });

  test("use the same placeholders", () => {
    const wrong = [...english].filter(([key, texts]) => {
      const wanted = [...new Set(texts.flatMap(placeholders))].sort().join();
      return [...new Set((chinese.get(key) ?? []).flatMap(placeholders))].sort().join() !== wanted;
    });
    expect(wrong.map(([key]) => key)).toEqual([]);
  });

  test("leave nothing empty and shout at nobody", () => {
    for (const [key, texts] of [...english, ...chinese]) {
      for (const text of texts) {
        expect(text.trim(), key).not.toBe("");
        expect(text, key).not.toMatch(/[!！]/);
      }
    }
  });
});

test.each([
  [["zh-TW", "en"], "zh-CN"],
  [["en-GB"], "en"],
  [["de", "zh"], "zh-CN"],
  [["de"], "en"],
  [[], "en"],
])("%o reads %s", (preferred, expected) => {
  expect(localeFor(preferred)).toBe(expected);
});
