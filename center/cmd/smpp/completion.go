package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/godwit-sms/smpp/center/handset"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
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

// completeRest has the shell offer nothing where there is nothing to offer:
// files are for flags and arguments that are some.
func completeRest(cmd *cobra.Command) {
	if cmd.ValidArgsFunction == nil && len(cmd.ValidArgs) == 0 && cmd.Name() != "decode" {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if _, ok := cmd.GetFlagCompletionFunc(f.Name); ok {
			return
		}
		var complete cobra.CompletionFunc
		switch kind, _ := pflag.UnquoteUsage(f); kind {
		case "file", "path", "command":
			return // the shell's own
		case "directory":
			complete = completeDirectories
		default:
			complete = cobra.NoFileCompletions
		}
		if err := cmd.RegisterFlagCompletionFunc(f.Name, complete); err != nil {
			panic(err) // a mistake of the program: no such flag
		}
	})
}

// completeDirectories is for what is a directory, or the last argument is.
func completeDirectories(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// completeSimulated completes profiles of the simulated handset, then their
// settings.
func completeSimulated(_ *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	at := strings.LastIndexAny(begun, ":,")
	if at < 0 {
		return handset.Names(), cobra.ShellCompDirectiveNoFileComp
	}
	before, setting := begun[:at+1], begun[at+1:]
	var all []cobra.Completion
	if strings.HasPrefix(setting, "receipt=") {
		for _, form := range handset.ReceiptForms() {
			all = append(all, before+"receipt="+form)
		}
		return all, cobra.ShellCompDirectiveNoFileComp
	}
	if !strings.Contains(setting, "=") {
		for _, s := range handset.Settings() {
			all = append(all, cobra.CompletionWithDesc(before+s.Name+"=", s.About))
		}
	}
	return all, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// completeSession completes the sessions of the message center that is meant.
func (a *app) completeSession(cmd *cobra.Command, f *adminFlags) ([]cobra.Completion, cobra.ShellCompDirective) {
	_ = a.applyDefaults(cmd) // what is wrong with them is told when they are used
	ctx, cancel := context.WithTimeout(cmd.Context(), time.Second)
	defer cancel()
	s, err := f.client().Status(ctx, 0)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var all []cobra.Completion
	for _, x := range s.Sessions {
		if x.ID != 0 {
			all = append(all, cobra.CompletionWithDesc(strconv.FormatUint(x.ID, 10), fmt.Sprintf("%s, %s from %s", x.Account, x.Bind, x.Remote)))
		}
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}
