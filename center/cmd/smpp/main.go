// Command smpp is a tool for the Short Message Peer-to-Peer protocol. See smpp
// --help.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Exit statuses.
const (
	exitFine   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() { os.Exit(program()) }

func program() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the process at once
	return run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}

// run runs the command line args, which do not include the name of the program,
// and returns the exit status. Cancelling ctx is an interrupt.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr}
	return a.execute(ctx, newRoot(a), args)
}

func (a *app) execute(ctx context.Context, root *cobra.Command, args []string) int {
	eachCommand(root, func(c *cobra.Command) {
		if inner := c.RunE; inner != nil && c != root {
			c.RunE = func(cmd *cobra.Command, args []string) error {
				a.started = true
				return inner(cmd, args)
			}
		}
	})
	root.SetArgs(append([]string{}, args...)) // never nil, which would make cobra read os.Args
	root.SetIn(a.stdin)
	out := &checkedWriter{w: a.stdout}
	a.stdout = out
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		if err = out.error(); err != nil {
			a.started = true // the command line was right
		}
	}
	if err == nil {
		return exitFine
	}
	var silent *exitError
	if errors.As(err, &silent) {
		return silent.status
	}
	// Until a subcommand has taken over, what fails is the command line.
	var usage *usageError
	wrong := errors.As(err, &usage) || !a.started
	line := cmd.CommandPath() + ": " + strings.TrimPrefix(oneLine(err), "smpp: ")
	if wrong {
		line += fmt.Sprintf(" (see %q)", cmd.CommandPath()+" --help")
	}
	_, _ = fmt.Fprintln(a.stderr, line)
	if wrong {
		return exitUsage
	}
	return exitFailed
}

// A checkedWriter remembers that what was written got lost, so that no
// subcommand has to look after it at each line.
type checkedWriter struct {
	w   io.Writer
	mu  sync.Mutex
	err error
}

func (c *checkedWriter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	if err != nil {
		c.mu.Lock()
		c.err = cmp.Or(c.err, err)
		c.mu.Unlock()
	}
	return n, err
}

func (c *checkedWriter) error() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return fmt.Errorf("standard output: %w", c.err)
	}
	return nil
}

// An app is what the subcommands share: one run of the program.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	disk            vfs.FS // of the messages of serve; nil: that of the machine
	config, profile string // --config and --profile
	started         bool   // a subcommand has taken over
}

// warn writes a line to standard error that does not change the exit status.
func (a *app) warn(cmd *cobra.Command, format string, args ...any) {
	_, _ = fmt.Fprintf(a.stderr, "%s: %s\n", cmd.CommandPath(), oneLine(fmt.Errorf(format, args...)))
}

// usageTemplates adds to the functions of templates one that leaves out what every
// flag that is on or off would say.
var usageTemplates = sync.OnceFunc(func() {
	const noise = "[=true|false]"
	cobra.AddTemplateFunc("plainSwitches", func(s string) string { return strings.ReplaceAll(s, noise, strings.Repeat(" ", len(noise))) })
})

// newRoot returns the command with all its subcommands.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "smpp",
		Short: "A tool for SMPP, the protocol between message centers and those who send through them",
		Long: `smpp runs a message center, sends and receives messages, puts load on message
centers, and reads and writes the octets of SMPP v3.3, v3.4 and v5.0.

Exit status: 0 fine, 1 failed, 2 wrong usage.

` + defaultsHelp,
		Example: `  smpp serve
  smpp send --to 491701234567 --from ACME --receipt "Your code is 4711"
  smpp decode 00000010 00000015 00000000 00000001
  smpp decode --port 2775 capture.pcapng
  smpp help decode`,
		Args:              cobra.ArbitraryArgs,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				cmd.SetOut(a.stderr)
				if err := cmd.Help(); err != nil {
					return err
				}
				return &exitError{exitUsage}
			}
			msg := fmt.Sprintf("%q is no subcommand", args[0])
			if s := cmd.SuggestionsFor(args[0]); len(s) > 0 {
				msg += ", did you mean " + strings.Join(s, " or ") + "?"
			}
			return &usageError{errors.New(msg)}
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.applyDefaults(cmd) },
	}
	root.PersistentFlags().StringVar(&a.config, "config", "", "profile `file` (default: "+defaultConfigHint+")")
	root.PersistentFlags().StringVar(&a.profile, "profile", "", "`name` of the profile that defaults are read from (default \"default\", if there is one)")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.AddCommand(
		serveCommand(a),
		sendCommand(a),
		receiveCommand(a),
		pingCommand(a),
		benchCommand(a),
		queryCommand(a),
		cancelCommand(a),
		replaceCommand(a),
		broadcastCommand(a),
		requestCommand(a),
		passwdCommand(a),
		psCommand(a),
		reloadCommand(a),
		storeCommand(a),
		backupCommand(a),
		restoreCommand(a),
		decodeCommand(a),
		encodeCommand(a),
		completionCommand(a),
		versionCommand(a),
	)
	root.SetHelpCommand(helpCommand(root))
	usageTemplates()
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages |", ".FlagUsages | plainSwitches |"))
	complete := func(c *cobra.Command, name string, f cobra.CompletionFunc) {
		if err := c.RegisterFlagCompletionFunc(name, f); err != nil {
			panic(err) // a mistake of the program: no such flag
		}
	}
	complete(root, "profile", a.completeProfile)
	complete(root, "config", completeExtensions("yaml", "yml"))
	eachCommand(root, completeRest)
	return root
}

func eachCommand(c *cobra.Command, f func(*cobra.Command)) {
	f(c)
	for _, sub := range c.Commands() {
		eachCommand(sub, f)
	}
}

func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [SUBCOMMAND]",
		Short: "Print the help of a subcommand",
		Example: `  smpp help decode
  smpp decode --help`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			var names []cobra.Completion
			for _, c := range root.Commands() {
				names = append(names, cobra.CompletionWithDesc(c.Name(), c.Short))
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return &usageError{fmt.Errorf("%q is no subcommand", strings.Join(args, " "))}
			}
			cmd.InitDefaultHelpFlag()
			return cmd.Help()
		},
	}
}

// A usageError is a mistake in how the command was called: exit status 2.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// An exitError ends the program with a status and without a word.
type exitError struct{ status int }

func (e *exitError) Error() string { return fmt.Sprintf("exit status %d", e.status) }

// noArgs is for subcommands that take flags only.
func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%q: no arguments are taken here, only flags", args[0])
	}
	return nil
}

// oneLine returns what is printed of an error: one line, and no password of a
// URL in it, wherever the text came from.
func oneLine(err error) string {
	var lines []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return redact(strings.Join(lines, "; "))
}

var urlPassword = regexp.MustCompile(`(?i)(s?smpp://[^:/?#\s]*):[^\s]*@`)

func redact(s string) string {
	const placeholder = "\x00"
	s = strings.ReplaceAll(s, urlForm, placeholder)
	return strings.ReplaceAll(urlPassword.ReplaceAllString(s, "$1:xxxxx@"), placeholder, urlForm)
}

// urlForm stands in messages for what a URL has to look like.
const urlForm = "smpp://id:password@host:port"

// completeFlag completes the values of a flag from a fixed list.
func completeFlag(cmd *cobra.Command, flag string, values ...string) {
	err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err) // a mistake of the program: no such flag
	}
}

func completeExtensions(ext ...string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return ext, cobra.ShellCompDirectiveFilterFileExt
	}
}

// oneOff marks flags that only make sense on the command line: neither the
// environment nor a profile is asked for them.
func oneOff(flags *pflag.FlagSet, names ...string) {
	for _, name := range names {
		if err := flags.SetAnnotation(name, oneOffAnnotation, []string{"true"}); err != nil {
			panic(err) // a mistake of the program: no such flag
		}
	}
}

const oneOffAnnotation = "one-off"
