// Command vendor shows a command and a TLV that SMPP does not have, as typed as
// those that it has. It runs both ends in one process.
package main

import (
	"context"
	"fmt"
	"log"
	"net"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// CampaignID is a TLV of a vendor, 0x1400 to 0x3FFF.
var CampaignID = tlv.Define(0x1400, "campaign_id", tlv.CString(33))

// Ping is a command of a vendor, 0x00010200 to 0x000102FF.
type Ping struct {
	Text string
	TLVs tlv.List
}

// Command returns the command_id.
func (*Ping) Command() pdu.CommandID { return 0x00010200 }

// NewResponse returns an empty response.
func (*Ping) NewResponse() *PingResp { return new(PingResp) }

// Fields describes the fields.
func (p *Ping) Fields(c *pdu.Codec) {
	c.CString("text", &p.Text, 65, pdu.StatusSystemError)
	c.TLVs(&p.TLVs)
}

// PingResp answers a Ping.
type PingResp struct{ Text string }

// Command returns the command_id.
func (*PingResp) Command() pdu.CommandID { return 0x80010200 }

// Fields describes the fields.
func (p *PingResp) Fields(c *pdu.Codec) { c.CString("text", &p.Text, 65, 0) }

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	reg := pdu.Standard().Clone()
	pdu.Register[Ping, PingResp](reg, "vendor_ping")
	reg.DefineTLV(CampaignID)

	mux := smpp.NewMux()
	smpp.Handle(mux, func(_ context.Context, p *Ping) (*PingResp, error) {
		id, _ := CampaignID.Get(p.TLVs)
		return &PingResp{Text: p.Text + " for " + id}, nil
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &smpp.Server{Handler: mux, Registry: reg}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()

	sess, err := smpp.Dial(ctx, "smpp://demo:demo@"+l.Addr().String(), &smpp.Config{Registry: reg})
	if err != nil {
		return err
	}
	defer sess.Close()
	ping := &Ping{Text: "hello"}
	CampaignID.Set(&ping.TLVs, "summer-7")
	resp, err := smpp.Do(ctx, sess, ping)
	if err != nil {
		return err
	}
	fmt.Println(resp.Text)
	return nil
}
