package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	smpp "github.com/godwit-sms/smpp/center/cmd/smpp"
)

// must reports an error of what only a broken test machine could fail.
func must(t testing.TB) func(int, error) {
	return func(_ int, err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
}

type runner func(context.Context, []string, io.Reader, io.Writer, io.Writer) int

// isolate keeps the environment and the profiles of whoever runs the tests out,
// and returns the path of the profile file.
func isolate(t testing.TB) string {
	t.Helper()
	for _, kv := range os.Environ() {
		if name, value, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "SMPP_") {
			t.Setenv(name, value) // so that it comes back
			must(t)(0, os.Unsetenv(name))
		}
	}
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	return filepath.Join(dir, "smpp", "config.yaml")
}

func call(t testing.TB, run runner, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), args, strings.NewReader(stdin), &out, &errs)
	if s := errs.String(); strings.Count(s, "\n") > 1 && !strings.Contains(s, "Usage:") {
		t.Errorf("smpp %q: more than one line on standard error:\n%s", args, s)
	}
	return status, out.String(), errs.String()
}

func write(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExitStatus(t *testing.T) {
	isolate(t)
	dir := t.TempDir()
	for _, tc := range []struct {
		name   string
		args   []string
		stdin  string
		status int
		stderr string // what standard error starts with
	}{
		{"fine", []string{"decode", link}, "", 0, ""},
		{"nothing", nil, "", 2, "smpp runs a message center"},
		{"help", []string{"--help"}, "", 0, ""},
		{"help of a subcommand", []string{"help", "decode"}, "", 0, ""},
		{"help of no subcommand", []string{"help", "dekode"}, "", 2, `smpp help: "dekode" is no subcommand (see "smpp help --help")`},
		{"unknown subcommand", []string{"decod", link}, "", 2, `smpp: "decod" is no subcommand, did you mean decode? (see "smpp --help")`},
		{"unknown flag", []string{"decode", "--jason"}, "", 2, `smpp decode: unknown flag: --jason (see "smpp decode --help")`},
		{"unknown flag of the root", []string{"--jason"}, "", 2, `smpp: unknown flag: --jason`},
		{"unknown short flag", []string{"encode", "-x"}, "", 2, `smpp encode: unknown shorthand flag`},
		{"flag without value", []string{"decode", "-f"}, "", 2, `smpp decode: flag needs an argument`},
		{"bad value", []string{"decode", "--port", "x"}, "", 2, `smpp decode: invalid argument "x" for "--port" flag`},
		{"bad port", []string{"decode", "--port", "65536"}, "", 2, `smpp decode: --port 65536: 1 to 65535 is required`},
		{"bad format", []string{"decode", "--format", "yaml"}, "", 2, `smpp decode: --format "yaml": auto, hex, raw or capture is required`},
		{"arguments where none are taken", []string{"version", "x"}, "", 2, `smpp version: "x": no arguments are taken here`},
		{"no such file", []string{"decode", filepath.Join(dir, "none")}, "", 1, "smpp decode: open "},
		{"a directory", []string{"decode", "-f", dir}, "", 1, "smpp decode: " + dir + ": a directory"},
		{"neither hex nor file", []string{"decode", "0000001g"}, "", 1, "smpp decode: open 0000001g: "},
		{"no input", []string{"decode"}, "", 1, "smpp decode: nothing to decode: the input is empty"},
		{"nothing decoded", []string{"decode", "00000010 00000015"}, "", 1, "smpp decode: no well-formed PDU: 8 octets that are no PDU"},
		{"something decoded", []string{"decode", link, "00000010 00000015"}, "", 0, "smpp decode: 1 well-formed PDU, 8 octets that are no PDU"},
		{"bad hex", []string{"decode"}, "0000\n00 0g", 1, `smpp decode: standard input: line 2, column 4: a hexadecimal digit without its partner`},
		{"no hex", []string{"decode"}, "0000\nxyz", 1, `smpp decode: standard input: line 2, column 1: 'x' is no hexadecimal digit`},
		{"no JSON", []string{"encode"}, "", 1, "smpp encode: nothing to encode: the input is empty"},
		{"no shell", []string{"completion"}, "", 2, "smpp completion: one shell is required"},
		{"another shell", []string{"completion", "tcsh"}, "", 2, `smpp completion: "tcsh": the shells are bash`},
		{"no such profile file", []string{"decode", "--config", filepath.Join(dir, "none"), link}, "", 2, "smpp decode: open "},
		{"no such profile", []string{"decode", "--profile", "live", link}, "", 2, `smpp decode: profile "live": there is no file `},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, stdout, stderr := call(t, smpp.Run, tc.stdin, tc.args...)
			if status != tc.status {
				t.Errorf("exit status %d, want %d", status, tc.status)
			}
			if !strings.HasPrefix(stderr, tc.stderr) || tc.stderr == "" && stderr != "" {
				t.Errorf("standard error:\n%swant it to start with:\n%s", stderr, tc.stderr)
			}
			if tc.status == 2 && stdout != "" {
				t.Errorf("standard output: %q", stdout)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	isolate(t)
	commands := smpp.Commands()
	for _, want := range []string{"smpp", "smpp decode", "smpp encode", "smpp completion", "smpp help", "smpp version"} {
		if _, ok := commands[want]; !ok {
			t.Errorf("no %s", want)
		}
	}
	for path, hasExample := range commands {
		t.Run(path, func(t *testing.T) {
			status, stdout, _ := call(t, smpp.Run, "", append(strings.Fields(path)[1:], "--help")...)
			if status != 0 || !hasExample || !strings.Contains(stdout, "Examples:\n  ") || !strings.Contains(stdout, "Usage:\n") || strings.Contains(stdout, "true|false") {
				t.Errorf("exit status %d, example %t:\n%s", status, hasExample, stdout)
			}
		})
	}
	if _, stdout, _ := call(t, smpp.Run, "", "--help"); !strings.Contains(stdout, "SMPP_URL") || !strings.Contains(stdout, "SMPP_PROFILE") {
		t.Errorf("no word of the environment in:\n%s", stdout)
	}
}

func TestCompletion(t *testing.T) {
	isolate(t)
	for shell, want := range map[string]string{
		"bash": "complete -o default", "zsh": "#compdef smpp", "fish": "complete -c smpp", "powershell": "Register-ArgumentCompleter",
	} {
		if status, stdout, stderr := call(t, smpp.Run, "", "completion", shell); status != 0 || !strings.Contains(stdout, want) {
			t.Errorf("%s: exit status %d, %s", shell, status, stderr)
		}
	}
	write(t, filepath.Join(os.Getenv("XDG_CONFIG_HOME"), "smpp", "config.yaml"), "profiles:\n  live: {}\n")
	for _, tc := range []struct{ args, want string }{
		{"dec", "decode\t"},
		{"decode --format h", "hex"},
		{"completion f", "fish"},
		{"decode --profile l", "live"},
		{"help e", "encode\t"},
		{"probe --bind r", "receiver"},
		{"serve --simulate r", "random\nreject\nretry"},
		{"serve --simulate random:seed=1,rec", "random:seed=1,receipt=\t"},
		{"serve --simulate random:receipt=resp", "random:receipt=resp-hex-receipt-dec\n"},
		{"send --receipt-id h", "hex-to-decimal"},
		{"send --to=", "\n:4\n"},               // nothing, and no files
		{"send --to 1 --from=", "\n:4\n"},      // likewise
		{"serve --data=", "\n:16\n"},           // directories
		{"serve --pcap=", ":0\n"},              // files
		{"serve --config=", "yaml\nyml\n:8\n"}, // some of them
	} {
		var out, errs bytes.Buffer
		smpp.RunProbe(t.Context(), append([]string{"__complete"}, strings.Fields(tc.args)...), strings.NewReader(""), &out, &errs)
		if !strings.Contains("\n"+out.String(), tc.want) {
			t.Errorf("%s: %q, want %q", tc.args, out.String(), tc.want)
		}
	}
}

func TestVersion(t *testing.T) {
	isolate(t)
	if status, stdout, _ := call(t, smpp.Run, "", "version"); status != 0 || !strings.HasPrefix(stdout, "smpp ") {
		t.Errorf("exit status %d, %q", status, stdout)
	}
	_, stdout, _ := call(t, smpp.Run, "", "version", "--json")
	var v struct{ Version, Go string }
	if err := json.Unmarshal([]byte(stdout), &v); err != nil || v.Version == "" || v.Go == "" {
		t.Errorf("%v: %s", err, stdout)
	}
}

func TestDefaults(t *testing.T) {
	const file = `
# where the tests send to
profiles:
  default:
    url: smpp://profile:default@default.example
    timeout: 1s
  live:
    url: ssmpp://profile:live@live.example:1
    bind: receiver
    tls-insecure: true
    system-type: 007
    tlv: [a=1, b=2]
    json: true # of other subcommands
`
	for _, tc := range []struct {
		name   string
		args   []string
		env    map[string]string
		file   string
		want   []string
		stderr string
	}{
		{name: "built in", want: []string{"smpp://demo@127.0.0.1:2775 ", "id=demo password=4 bind_transceiver 3.4 ", "timeout=10s"}},
		{name: "flag", args: []string{"--url", "smpp://flag@flag.example:7", "--bind", "transmitter"}, want: []string{"smpp://flag@flag.example:7 ", "bind_transmitter"}},
		{name: "profile called default", file: file, want: []string{"smpp://profile@default.example:2775 ", "timeout=1s", "password=7"}},
		{name: "profile by flag", file: file, args: []string{"--profile", "live"}, want: []string{"ssmpp://profile@live.example:1 ", "bind_receiver", "timeout=10s", "type=007", `tlv=["a=1" "b=2"]`, "tls=true"}},
		{name: "profile by environment", file: file, env: map[string]string{"SMPP_PROFILE": "live"}, want: []string{"ssmpp://profile@live.example:1 "}},
		{name: "flag over environment", args: []string{"--profile", "default"}, file: file, env: map[string]string{"SMPP_PROFILE": "live"}, want: []string{"default.example"}},
		{name: "environment over profile", file: file, args: []string{"--profile", "live"}, env: map[string]string{"SMPP_URL": "ssmpp://env@env.example"}, want: []string{"ssmpp://env@env.example:3550 ", "bind_receiver"}},
		{name: "flag over both", file: file, args: []string{"--profile=live", "--url=ssmpp://flag@flag.example"}, env: map[string]string{"SMPP_URL": "ssmpp://env@env.example"}, want: []string{"ssmpp://flag@flag.example:3550 "}},
		{name: "environment over built in", env: map[string]string{"SMPP_VERSION": "5.0", "SMPP_TIMEOUT": "2m", "SMPP_TLV": "c=3"}, want: []string{" 5.0 ", "timeout=2m", `tlv=["c=3"]`}},
		{name: "empty environment", env: map[string]string{"SMPP_URL": ""}, want: []string{"smpp://demo@127.0.0.1:2775 "}},
		{name: "one-off flags", env: map[string]string{"SMPP_ONCE": "x"}, want: []string{`once=""`}},
		{name: "comments only", file: "# nothing yet\n", want: []string{"smpp://demo@"}},
		{name: "bad environment", env: map[string]string{"SMPP_TIMEOUT": "soon"}, stderr: `smpp probe: environment: SMPP_TIMEOUT: "soon": `},
		{name: "bad value", file: "profiles:\n  default:\n    timeout: soon\n", stderr: `FILE:3: timeout: "soon": `},
		{name: "a map for a value", file: "profiles:\n  default:\n    timeout:\n      a: b\n", stderr: `FILE:4: timeout: a value or a list of values is required`},
		{name: "unknown key", file: "profiles:\n  default:\n    urll: x\n", stderr: `FILE:3: urll: no flag of that name can be set in a profile`},
		{name: "one-off key", file: "profiles:\n  default:\n    once: x\n", stderr: `FILE:3: once: no flag of that name`},
		{name: "unknown section", file: "profile:\n  default: {}\n", stderr: `FILE: `},
		{name: "no YAML", file: "profiles: [", stderr: `FILE: `},
		{name: "unknown profile", file: file, args: []string{"--profile", "life"}, stderr: `smpp probe: profile "life": not in FILE, which has default, live`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := isolate(t)
			if tc.file != "" {
				write(t, path, tc.file)
			}
			for k, v := range tc.env {
				t.Setenv(k, v)
			}
			status, stdout, stderr := call(t, smpp.RunProbe, "", append([]string{"probe"}, tc.args...)...)
			if tc.stderr != "" {
				if want := strings.ReplaceAll(tc.stderr, "FILE", path); status != 2 || !strings.Contains(stderr, want) {
					t.Errorf("exit status %d, %swant %s", status, stderr, want)
				}
				return
			}
			if status != 0 {
				t.Fatalf("exit status %d, %s", status, stderr)
			}
			for _, want := range tc.want {
				if !strings.Contains(stdout, want) {
					t.Errorf("%swant %s", stdout, want)
				}
			}
		})
	}
	t.Run("another file", func(t *testing.T) {
		isolate(t)
		path := write(t, filepath.Join(t.TempDir(), "p.yaml"), file)
		if _, stdout, _ := call(t, smpp.RunProbe, "", "probe", "--config", path, "--profile", "live"); !strings.Contains(stdout, "live.example") {
			t.Error(stdout)
		}
		t.Setenv("SMPP_CONFIG", path)
		if _, stdout, _ := call(t, smpp.RunProbe, "", "probe"); !strings.Contains(stdout, "default.example") {
			t.Error(stdout)
		}
	})
}

func TestConnectionFlags(t *testing.T) {
	isolate(t)
	dir := t.TempDir()
	noPEM := write(t, filepath.Join(dir, "ca.pem"), "no certificate")
	for _, tc := range []struct {
		name   string
		args   []string
		status int
		want   string
	}{
		{"IPv6", []string{"--url", "smpp://a@[::1]"}, 0, "addr=[::1]:2775"},
		{"IPv6 with port", []string{"--url", "smpp://a@[::1]:5"}, 0, "smpp://a@[::1]:5 "},
		{"slash at the end", []string{"--url", "smpp://a:b@h/"}, 0, "addr=h:2775"},
		{"upper case", []string{"--url", "SSMPP://a:b@h"}, 0, "addr=h:3550"},
		{"special characters", []string{"--url", "smpp://a%40b:p%3A%2F%40@h"}, 0, "id=a@b password=4"},
		{"longest", []string{"--url", "smpp://123456789012345:12345678@h", "--system-type", "123456789012"}, 0, "password=8"},
		{"version", []string{"--smpp-version", "3.3", "--bind", "receiver"}, 0, "bind_receiver 3.3"},
		{"TLS", []string{"--url", "ssmpp://a@h", "--tls-insecure"}, 0, "tls=true"},

		{"no URL", []string{"--url", "h:2775"}, 2, "--url: smpp:// or ssmpp:// is required"},
		{"empty URL", []string{"--url", ""}, 2, "--url: smpp:// or ssmpp:// is required"},
		{"other scheme", []string{"--url", "http://a:secret@h"}, 2, "--url: smpp:// or ssmpp:// is required"},
		{"no system_id", []string{"--url", "smpp://h"}, 2, "--url: no system_id in it"},
		{"no host", []string{"--url", "smpp://a:secret@"}, 2, "--url: no host in it"},
		{"a path", []string{"--url", "smpp://a:secret@h/x"}, 2, "--url: nothing can follow the port"},
		{"a slash in the password", []string{"--url", "smpp://a:sec/ret@h"}, 2, "--url: "},
		{"a percent sign in the password", []string{"--url", "smpp://a:secret%zz@h"}, 2, "--url: smpp://id:password@host:port is required, with % forms"},
		{"a space in the password", []string{"--url", "smpp://a:secret xy@h"}, 2, "--url: "},
		{"port zero", []string{"--url", "smpp://a:secret@h:0"}, 2, "--url: the port is 1 to 65535"},
		{"port too high", []string{"--url", "smpp://a:secret@h:65536"}, 2, "--url: the port is 1 to 65535"},
		{"long system_id", []string{"--url", "smpp://1234567890123456:secret@h"}, 2, "--url: system_id: 16 octets, at most 15 fit"},
		{"long password", []string{"--url", "smpp://a:secret789@h"}, 2, "--url: password: 9 octets, at most 8 fit"},
		{"NUL", []string{"--url", "smpp://a:secret%00@h"}, 2, "--url: password: no NUL can stand in it"},
		{"bind", []string{"--bind", "tx"}, 2, `--bind "tx": transceiver, receiver or transmitter is required`},
		{"version", []string{"--smpp-version", "4"}, 2, `--smpp-version "4": 3.3, 3.4 or 5.0 is required`},
		{"v3.3 transceiver", []string{"--smpp-version", "3.3"}, 2, "--bind transceiver: SMPP v3.3 has no transceiver"},
		{"system_type", []string{"--system-type", "1234567890123"}, 2, "--system-type: 13 octets, at most 12 fit"},
		{"timeout", []string{"--timeout", "0s"}, 2, "--timeout 0s: more than 0 is required"},
		{"TLS flag without TLS", []string{"--tls-insecure"}, 2, "--tls-insecure: only with an ssmpp:// URL"},
		{"CA without TLS", []string{"--tls-ca", noPEM}, 2, "--tls-ca: only with an ssmpp:// URL"},
		{"certificate without TLS", []string{"--tls-cert", noPEM}, 2, "--tls-cert: only with an ssmpp:// URL"},
		{"certificate without key", []string{"--url", "ssmpp://a@h", "--tls-cert", noPEM}, 2, "--tls-cert and --tls-key: one needs the other"},
		{"no such CA", []string{"--url", "ssmpp://a@h", "--tls-ca", filepath.Join(dir, "none")}, 1, "--tls-ca: open "},
		{"no CA", []string{"--url", "ssmpp://a@h", "--tls-ca", noPEM}, 1, "no certificate in PEM form"},
		{"no pair", []string{"--url", "ssmpp://a@h", "--tls-cert", noPEM, "--tls-key", noPEM}, 1, "--tls-cert: "},
		{"an argument", []string{"smpp://a:secret@h:5"}, 2, `"smpp://a:xxxxx@h:5": no arguments are taken here`},
		{"a flag", []string{"--urll=smpp://a:secret@h:5"}, 2, `unknown flag: --urll`},
		{"a value", []string{"--timeout=smpp://a:secret@h:5"}, 2, `invalid argument "smpp://a:xxxxx@h:5"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, stdout, stderr := call(t, smpp.RunProbe, "", append([]string{"probe"}, tc.args...)...)
			if status != tc.status || !strings.Contains(stdout+stderr, tc.want) {
				t.Errorf("exit status %d: %s%swant %d: %s", status, stdout, stderr, tc.status, tc.want)
			}
			if strings.Contains(stdout+stderr, "secret") || strings.Contains(stdout+stderr, "p:/@") {
				t.Errorf("a password in the output: %s%s", stdout, stderr)
			}
		})
	}
	if status, _, stderr := call(t, smpp.RunProbe, "", "smpp://a:secret@h"); status != 2 || strings.Contains(stderr, "secret") {
		t.Errorf("exit status %d: %s", status, stderr)
	}
	path := filepath.Join(os.Getenv("XDG_CONFIG_HOME"), "smpp", "config.yaml")
	for _, file := range []string{
		"profiles:\n  default:\n    url: smpp://a:secret@h\n    bind: tx\n",
		"profiles:\n  default:\n    url: smpp://a:secret789@h\n",
		"profiles:\n  default: smpp://a:secret@h\n",
		"profiles:\n  default:\n    timeout: smpp://a:secret@h\n",
		"profiles: smpp://a:secret@h\n",
		"url: smpp://a:secret@h\n",
	} {
		write(t, path, file)
		for _, args := range [][]string{{"probe"}, {"probe", "--help"}} {
			_, stdout, stderr := call(t, smpp.RunProbe, "", args...)
			if strings.Contains(stdout+stderr, "secret") {
				t.Errorf("%q: a password in the output: %s%s", file, stdout, stderr)
			}
		}
	}
}

func TestInterrupt(t *testing.T) {
	isolate(t)
	for _, command := range []string{"decode", "encode"} {
		t.Run(command, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			r, w := io.Pipe() // nobody writes
			defer func() { must(t)(0, w.Close()) }()
			var out, errs bytes.Buffer
			if status := smpp.Run(ctx, []string{command}, r, &out, &errs); status != 1 || errs.String() != "smpp "+command+": interrupted\n" {
				t.Errorf("exit status %d, %q", status, errs.String())
			}
		})
	}
}

type badWriter struct{}

func (badWriter) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestInputOutputErrors(t *testing.T) {
	isolate(t)
	for command, arg := range map[string]string{"decode": link, "encode": `{"command":"enquire_link"}`} {
		var errs bytes.Buffer
		if status := smpp.Run(t.Context(), []string{command, arg}, nil, badWriter{}, &errs); status != 1 || errs.String() != "smpp "+command+": no space left\n" {
			t.Errorf("%s: exit status %d, %q", command, status, errs.String())
		}
		errs.Reset()
		status := smpp.Run(t.Context(), []string{command}, iotest.ErrReader(errors.New("a bad disk")), io.Discard, &errs)
		if status != 1 || !strings.Contains(errs.String(), "a bad disk") {
			t.Errorf("%s: exit status %d, %q", command, status, errs.String())
		}
	}
}
