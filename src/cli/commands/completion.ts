import { Argument, Command } from "commander";
import { completionScripts } from "../completion-scripts.js";
import type { Outcome } from "../errors.js";
import { print } from "../output/terminal.js";

/** `keyfold completion`. */
export function completionCommand(_outcome: Outcome): Command {
  return new Command("completion")
    .description("Print the script that completes keyfold's commands, options, entities and patterns in a shell.")
    .addArgument(new Argument("<shell>", "which shell").choices(["bash", "zsh", "fish"]))
    .addHelpText(
      "after",
      `
Examples:
  echo 'source <(keyfold completion bash)' >> ~/.bashrc
  echo 'source <(keyfold completion zsh)' >> ~/.zshrc
  keyfold completion fish > ~/.config/fish/completions/keyfold.fish`,
    )
    .action(async (shell: keyof typeof completionScripts) => {
      await print(completionScripts[shell]);
    });
}
