// Light or dark: the system's choice, or one's own, kept in this browser.
import { effect, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";
const KEY = "headwater-theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

const kept = localStorage.getItem(KEY);
export const theme = signal<Theme>(kept === "light" || kept === "dark" ? kept : "system");
/** What is shown now; plots draw anew when it changes. */
export const shown = signal<"light" | "dark">("light");

function settle(): void {
  shown.value = theme.value === "system" ? (dark.matches ? "dark" : "light") : theme.value;
  document.documentElement.dataset["theme"] = shown.value;
}

effect(() => {
  localStorage.setItem(KEY, theme.value);
  settle();
});
dark.addEventListener("change", settle);

export function turn(): void {
  theme.value = shown.value === "dark" ? "light" : "dark";
}
