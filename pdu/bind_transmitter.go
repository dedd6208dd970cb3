package pdu

// BindTransmitter logs in to submit messages. SMPP v5.0, section 4.1.1.1.
type BindTransmitter struct{ Bind }

// Command returns IDBindTransmitter.
func (*BindTransmitter) Command() CommandID { return IDBindTransmitter }

// NewResponse returns an empty bind_transmitter_resp.
func (*BindTransmitter) NewResponse() *BindTransmitterResp { return new(BindTransmitterResp) }

// NewBindResp returns a bind_transmitter_resp with the given fields.
func (*BindTransmitter) NewBindResp(r BindResp) Body { return &BindTransmitterResp{r} }

// BindTransmitterResp answers bind_transmitter. SMPP v5.0, section 4.1.1.2.
type BindTransmitterResp struct{ BindResp }

// Command returns IDBindTransmitterResp.
func (*BindTransmitterResp) Command() CommandID { return IDBindTransmitterResp }
