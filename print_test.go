package smpp_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

// Whoever prints what a password is in, for the time of a search, does not print
// the password.
func TestPrintedWithoutPasswords(t *testing.T) {
	const secret = "s3cr3t-x"
	config := &smpp.Config{SystemID: "acme", Password: secret}
	target := smpp.Target{URL: "smpp://acme:" + secret + "@smsc.example.com:2775", Priority: 1}
	bind := pdu.Bind{SystemID: "acme", Password: secret}
	sess, _ := smpptest.Pair(t, config, &smpp.Server{Handler: smpptest.Accept()})
	for _, test := range []struct {
		name  string
		value any
		shown string
	}{
		{"Config", *config, "acme"},
		{"pointer to a Config", config, "acme"},
		{"Target", target, "smpp://acme@smsc.example.com:2775"},
		{"list of Targets", []smpp.Target{target}, "smpp://acme@smsc.example.com:2775"},
		{"Target that is no URL", smpp.Target{URL: secret + "@smsc.example.com:x"}, "(no URL)"},
		{"Target without a scheme", smpp.Target{URL: "acme:" + secret + "@smsc.example.com"}, "(no URL)"},
		{"Client", &smpp.Client{Config: config, Targets: []smpp.Target{target}}, "smpp://acme@smsc.example.com:2775"},
		{"Session", sess, "bound_trx"},
		{"Bind", bind, "acme"},
		{"BindTransceiver", &pdu.BindTransceiver{Bind: bind}, "acme"},
		{"Outbind", &pdu.Outbind{SystemID: "acme", Password: secret}, "acme"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var text bytes.Buffer
			slog.New(slog.NewTextHandler(&text, nil)).Info("printed", "value", test.value)
			printed := []string{fmt.Sprint(test.value), fmt.Sprintf("%+v", test.value), text.String()}
			if _, ok := test.value.(slog.LogValuer); ok {
				var json bytes.Buffer
				slog.New(slog.NewJSONHandler(&json, nil)).Info("printed", "value", test.value)
				printed = append(printed, json.String())
			}
			for _, s := range printed {
				if strings.Contains(s, secret) || !strings.Contains(s, test.shown) {
					t.Errorf("%s, want %q and no password", s, test.shown)
				}
			}
		})
	}
}

// A value that is no constant of its type has a name, too.
func TestNamesOfNothing(t *testing.T) {
	for _, test := range []struct {
		value fmt.Stringer
		want  string
	}{
		{smpp.StateBoundTX, "bound_tx"},
		{smpp.State(99), "State(99)"},
		{smpp.LinkState(99), "LinkState(99)"},
		{smpp.Accepted, "accepted"},
		{smpp.OutcomeKind(99), "OutcomeKind(99)"},
	} {
		if got := test.value.String(); got != test.want {
			t.Errorf("%q; want %q", got, test.want)
		}
	}
}
