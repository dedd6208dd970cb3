package account_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/godwit-sms/smpp/center/account"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		text, id, password, err string
	}{
		{text: "acme:secret", id: "acme", password: "secret"},
		{text: "acme:", id: "acme"},
		{text: "acme:a:b", id: "acme", password: "a:b"},
		{text: "acme", err: "no colon"},
		{text: ":secret", err: "id is empty"},
		{text: "a-name-of-16-oct:x", err: "at most 15"},
		{text: "acme:ninechars", err: "at most 8"},
		{text: "ac\x00me:x", err: "NUL"},
	} {
		a, err := account.Parse(tt.text)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("Parse(%q): error %v; want one with %q", tt.text, err, tt.err)
			}
			if err != nil && strings.Contains(err.Error(), "ninechars") {
				t.Errorf("Parse(%q): the error shows the password: %v", tt.text, err)
			}
			continue
		}
		if err != nil || a.ID != tt.id || a.Password != tt.password {
			t.Errorf("Parse(%q) = %q, %q, %v; want %q, %q", tt.text, a.ID, a.Password, err, tt.id, tt.password)
		}
	}
}

func TestPasswordIsNotShown(t *testing.T) {
	a := account.Account{ID: "acme", Password: "hush", PasswordHash: "hush"}
	if s := fmt.Sprintf("%v %+v %#v %s %v %v %+v %#v", a, a, a, a, a.LogValue(), &a, &a, &a); strings.Contains(s, "hush") {
		t.Errorf("the password is shown: %s", s)
	}
}

func TestModes(t *testing.T) {
	m, err := account.ParseModes("receiver", "transceiver")
	if err != nil || !m.Has(account.Receiver) || !m.Has(account.Transceiver) || m.Has(account.Transmitter) {
		t.Errorf("modes %v, %v", m, err)
	}
	if !account.Modes(0).Has(account.Transmitter) {
		t.Error("the zero modes do not allow everything")
	}
	if _, err := account.ParseModes("both"); err == nil || !strings.Contains(err.Error(), `"both"`) {
		t.Errorf("mode both: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("acme:secret")
	f.Fuzz(func(t *testing.T, s string) {
		a, err := account.Parse(s)
		if err == nil && a.ID+":"+a.Password != s {
			t.Errorf("Parse(%q) = %q, %q", s, a.ID, a.Password)
		}
	})
}
