import { Argument, Command } from "commander";
import type { Outcome } from "../errors.js";

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
    .action(async (shell: string) => {
      const { default: tab } = await import("@bomb.sh/tab");
      tab.setup("keyfold", "keyfold", shell);
    });
}
