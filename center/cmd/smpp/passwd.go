package main

import (
	"bufio"
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
		RunE: func(*cobra.Command, []string) error {
			if memory < 1 || memory > 1024 || passes < 1 || passes > 100 {
				return usagef("--memory %d, --passes %d: 1 to 1024 and 1 to 100 are possible", memory, passes)
			}
			password, err := a.askPassword()
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

func (a *app) askPassword() (string, error) {
	if f, ok := a.stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		ask := func(prompt string) (string, error) {
			_, _ = fmt.Fprint(a.stderr, prompt)
			b, err := term.ReadPassword(int(f.Fd()))
			_, _ = fmt.Fprintln(a.stderr)
			return string(b), err
		}
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

func checkPassword(s string) (string, error) {
	if s == "" {
		return "", errors.New("the password is empty")
	}
	if err := cString(s, 8); err != nil {
		return "", fmt.Errorf("the password: %w", err)
	}
	return s, nil
}
