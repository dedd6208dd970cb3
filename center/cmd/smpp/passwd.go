package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/godwit-sms/smpp/center/account"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func passwdCommand(a *app) *cobra.Command {
	var memory uint32
	var passes uint32
	cmd := &cobra.Command{
		Use:   "passwd",
		Short: "Make the hash of a password for the configuration of smpp serve",
		Long: `passwd asks for a password, twice and without showing it, and prints its
argon2id hash, for the key password_hash of an account. When standard input is no
terminal, its first line is the password.`,
		Example: `  smpp passwd
  pass show esme/acme | smpp passwd`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if memory < 1 || memory > 1024 || passes < 1 || passes > 100 {
				return usagef("--memory %d, --passes %d: 1 to 1024 and 1 to 100 are possible", memory, passes)
			}
			password, err := a.askPassword(cmd.Context())
			if err != nil {
				return err
			}
			hash, err := account.HashPassword(password, account.Cost{Memory: memory << 10, Time: passes})
			if err != nil {
				return err
			}
			_, _ = fmt.Fprintln(a.stdout, hash)
			return nil
		},
	}
	cmd.Flags().Uint32Var(&memory, "memory", 19, "what each check takes of memory (`MiB`)")
	cmd.Flags().Uint32Var(&passes, "passes", 2, "how often it goes through it (`number`)")
	return cmd
}

func (a *app) askPassword(ctx context.Context) (string, error) {
	if f, ok := a.stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		ask := func(prompt string) (string, error) { return a.hidden(ctx, int(f.Fd()), prompt) }
		first, err := ask("Password (at most 8 octets): ")
		if err != nil {
			return "", err
		}
		second, err := ask("Once more: ")
		if err != nil {
			return "", err
		}
		if first != second {
			return "", errors.New("the two are not the same")
		}
		return checkPassword(first)
	}
	line, err := bufio.NewReader(io.LimitReader(a.stdin, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("standard input: %w", err)
	}
	return checkPassword(strings.TrimRight(line, "\r\n"))
}

// hidden asks at a terminal for what it does not show. When ctx ends, the
// terminal is as it was.
func (a *app) hidden(ctx context.Context, terminal int, prompt string) (string, error) {
	state, err := term.GetState(terminal)
	if err != nil {
		return "", fmt.Errorf("standard input: %w", err)
	}
	_, _ = fmt.Fprint(a.stderr, prompt)
	defer func() { _, _ = fmt.Fprintln(a.stderr) }()
	type answer struct {
		b   []byte
		err error
	}
	read := make(chan answer, 1)
	go func() { // nothing ends it but a line
		b, err := term.ReadPassword(terminal)
		read <- answer{b, err}
	}()
	select {
	case x := <-read:
		return string(x.b), x.err
	case <-ctx.Done():
		_ = term.Restore(terminal, state) // there is no other way to have it show what is typed again
		return "", context.Cause(ctx)
	}
}

func checkPassword(s string) (string, error) {
	if s == "" {
		return "", errors.New("the password is empty")
	}
	if err := cString(s, 8); err != nil {
		return "", fmt.Errorf("the password: %w", err)
	}
	return s, nil
}
