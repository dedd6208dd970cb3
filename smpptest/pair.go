package smpptest

import (
	"context"

	"github.com/godwit-sms/smpp"
)

// A TB is what the helpers of this package need of a *testing.T, *testing.B or
// *testing.F.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
	Context() context.Context
}

// Pair binds a client to a server over a Pipe and returns both sessions. A nil
// config or server is the zero one. Both sessions are closed when the test
// ends; a bind that fails ends the test.
func Pair(tb TB, config *smpp.Config, srv *smpp.Server) (client, server *smpp.Session) {
	tb.Helper()
	if srv == nil {
		srv = new(smpp.Server)
	}
	near, far := Pipe()
	if server = srv.ServeConn(far); server == nil {
		tb.Fatalf("smpptest: the server is closed")
		return nil, nil
	}
	client, err := smpp.Bind(tb.Context(), near, config)
	if err != nil {
		_ = server.Close()
		tb.Fatalf("smpptest: %v", err)
		return nil, nil
	}
	tb.Cleanup(func() {
		_ = client.Close()
		_ = server.Close()
	})
	return client, server
}
