package pdu

// BindTransceiver logs in for both directions; v3.4. SMPP v5.0, section 4.1.1.5.
type BindTransceiver struct{ Bind }

// Command returns IDBindTransceiver.
func (*BindTransceiver) Command() CommandID { return IDBindTransceiver }

// NewResponse returns an empty bind_transceiver_resp.
func (*BindTransceiver) NewResponse() *BindTransceiverResp { return new(BindTransceiverResp) }

// NewBindResp returns a bind_transceiver_resp with the given fields.
func (*BindTransceiver) NewBindResp(r BindResp) Body { return &BindTransceiverResp{r} }

// BindTransceiverResp answers bind_transceiver. SMPP v5.0, section 4.1.1.6.
type BindTransceiverResp struct{ BindResp }

// Command returns IDBindTransceiverResp.
func (*BindTransceiverResp) Command() CommandID { return IDBindTransceiverResp }
