package config_test

import (
	"strings"
	"testing"

	"github.com/godwit-sms/smpp/center/config"
)

func TestSimulate(t *testing.T) {
	for _, tt := range []struct{ name, yaml, want, err string }{
		{name: "text", yaml: "simulate: random:seed=42", want: "random:seed=42"},
		{name: "bad text", yaml: "simulate: chaos", err: `simulate: "chaos": profile "chaos": accept,`},
		{name: "mapping", yaml: "simulate:\n  profile: random\n  seed: 42\n  delay: normal(1s sd=200ms)\n  keywords: off\n", want: "random:delay=normal(1s sd=200ms),seed=42,keywords=off"},
		{name: "keywords as a truth", yaml: "simulate: {keywords: false}", want: "deliver:keywords=off"},
		{name: "shares", yaml: "simulate:\n  undeliverable: [10/9, 5]\n  rejected: 2.5\n  throttle: 2s/30s\n", want: "deliver:undeliverable=10/9,undeliverable=5,rejected=2.5,throttle=2s/30s"},
		{name: "nothing", yaml: "simulate: {}", want: "deliver"},
		{name: "unknown key", yaml: "simulate:\n  seed: 1\n  speed: 3", err: "c.yaml:3: simulate.speed: there is no such key; allowed: profile, delay, seed,"},
		{name: "bad value", yaml: "simulate:\n  seed: 1\n  mo: fast", err: `c.yaml:3: simulate.mo: "fast": a number is required`},
		{name: "bad profile", yaml: "simulate: {profile: chaos}", err: `c.yaml:1: simulate: profile "chaos"`},
		{name: "twice", yaml: "simulate:\n  seed: 1\n  seed: 2", err: "twice"},
		{name: "too much", yaml: "simulate: {rejected: 60, expired: [30, 20]}", err: "add up to 110 %"},
		{name: "list of what is one", yaml: "simulate: {seed: [1, 2]}", err: "simulate.seed: a value is required"},
		{name: "list", yaml: "simulate: [deliver]", err: "simulate: "},
	} {
		f, err := config.Parse("c.yaml", []byte(tt.yaml))
		switch {
		case tt.err != "":
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: %v; want an error with %q", tt.name, err, tt.err)
			}
		case err != nil || f.Simulate != tt.want:
			t.Errorf("%s: %q, %v; want %q", tt.name, f.Simulate, err, tt.want)
		}
	}
}
