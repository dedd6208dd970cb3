package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func completionCommand(a *app) *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print a script that makes a shell complete smpp's commands and flags",
		Example: `  source <(smpp completion bash)                                  # this shell
  smpp completion bash > /etc/bash_completion.d/smpp              # every bash; needs bash-completion
  smpp completion zsh > "${fpath[1]}/_smpp"
  smpp completion fish > ~/.config/fish/completions/smpp.fish
  smpp completion powershell | Out-String | Invoke-Expression`,
		ValidArgs: shells,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("one shell is required: %s", strings.Join(shells, ", "))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.stdout, true)
			case "zsh":
				return root.GenZshCompletion(a.stdout)
			case "fish":
				return root.GenFishCompletion(a.stdout, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.stdout)
			}
			return &usageError{fmt.Errorf("%q: the shells are %s", args[0], strings.Join(shells, ", "))}
		},
	}
}
