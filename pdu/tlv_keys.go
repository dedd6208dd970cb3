package pdu

import "github.com/godwit-sms/smpp/tlv"

// The standard TLVs of SMPP v3.4 and v5.0, section 4.8.4. Get reads one,
// TLVMessagePayload.Get(m.TLVs); Set and Add write one.
var (
	TLVDestAddrSubunit           = tlv.Define(0x0005, "dest_addr_subunit", tlv.U8[Subunit]())
	TLVDestNetworkType           = tlv.Define(0x0006, "dest_network_type", tlv.U8[NetworkType]())
	TLVDestBearerType            = tlv.Define(0x0007, "dest_bearer_type", tlv.U8[BearerType]())
	TLVDestTelematicsID          = tlv.Define(0x0008, "dest_telematics_id", telematicsForm())
	TLVSourceAddrSubunit         = tlv.Define(0x000D, "source_addr_subunit", tlv.U8[Subunit]())
	TLVSourceNetworkType         = tlv.Define(0x000E, "source_network_type", tlv.U8[NetworkType]())
	TLVSourceBearerType          = tlv.Define(0x000F, "source_bearer_type", tlv.U8[BearerType]())
	TLVSourceTelematicsID        = tlv.Define(0x0010, "source_telematics_id", tlv.Uint8())
	TLVQOSTimeToLive             = tlv.Define(0x0017, "qos_time_to_live", tlv.Uint32()) // seconds; beats validity_period
	TLVPayloadType               = tlv.Define(0x0019, "payload_type", tlv.U8[PayloadType]())
	TLVAdditionalStatusInfoText  = tlv.Define(0x001D, "additional_status_info_text", tlv.CString(256))
	TLVReceiptedMessageID        = tlv.Define(0x001E, "receipted_message_id", tlv.CString(65))
	TLVMSMsgWaitFacilities       = tlv.Define(0x0030, "ms_msg_wait_facilities", tlv.U8[MessageWaiting]())
	TLVPrivacyIndicator          = tlv.Define(0x0201, "privacy_indicator", tlv.U8[Privacy]())
	TLVSourceSubaddress          = tlv.Define(0x0202, "source_subaddress", subaddressForm())
	TLVDestSubaddress            = tlv.Define(0x0203, "dest_subaddress", subaddressForm())
	TLVUserMessageReference      = tlv.Define(0x0204, "user_message_reference", tlv.Uint16())
	TLVUserResponseCode          = tlv.Define(0x0205, "user_response_code", tlv.Uint8())
	TLVSourcePort                = tlv.Define(0x020A, "source_port", tlv.Uint16())
	TLVDestPort                  = tlv.Define(0x020B, "dest_port", tlv.Uint16())
	TLVSARMsgRefNum              = tlv.Define(0x020C, "sar_msg_ref_num", tlv.Uint16())
	TLVLanguageIndicator         = tlv.Define(0x020D, "language_indicator", tlv.U8[Language]())
	TLVSARTotalSegments          = tlv.Define(0x020E, "sar_total_segments", tlv.Uint8())
	TLVSARSegmentSeqnum          = tlv.Define(0x020F, "sar_segment_seqnum", tlv.Uint8()) // from 1
	TLVSCInterfaceVersion        = tlv.Define(0x0210, "sc_interface_version", tlv.U8[Version]())
	TLVCallbackNumPresInd        = tlv.DefineRepeated(0x0302, "callback_num_pres_ind", tlv.U8[CallbackPresentation]())
	TLVCallbackNumATag           = tlv.DefineRepeated(0x0303, "callback_num_atag", callbackTagForm())
	TLVNumberOfMessages          = tlv.Define(0x0304, "number_of_messages", tlv.Uint8()) // 0 to 99
	TLVCallbackNum               = tlv.DefineRepeated(0x0381, "callback_num", callbackNumForm())
	TLVDPFResult                 = tlv.Define(0x0420, "dpf_result", tlv.Uint8()) // 1: the delivery pending flag is set
	TLVSetDPF                    = tlv.Define(0x0421, "set_dpf", tlv.Uint8())    // 1: set the delivery pending flag on failure
	TLVMSAvailabilityStatus      = tlv.Define(0x0422, "ms_availability_status", tlv.U8[Availability]())
	TLVNetworkErrorCode          = tlv.Define(0x0423, "network_error_code", networkErrorForm())
	TLVMessagePayload            = tlv.Define(0x0424, "message_payload", tlv.Octets(0, 65535)) // user data instead of short_message
	TLVDeliveryFailureReason     = tlv.Define(0x0425, "delivery_failure_reason", tlv.U8[FailureReason]())
	TLVMoreMessagesToSend        = tlv.Define(0x0426, "more_messages_to_send", tlv.Uint8()) // 1: more follow
	TLVMessageState              = tlv.Define(0x0427, "message_state", tlv.U8[MessageState]())
	TLVCongestionState           = tlv.Define(0x0428, "congestion_state", tlv.U8[Congestion]())
	TLVUSSDServiceOp             = tlv.Define(0x0501, "ussd_service_op", tlv.U8[USSDOp]())
	TLVBroadcastChannelIndicator = tlv.Define(0x0600, "broadcast_channel_indicator", tlv.Uint8()) // 0: basic, 1: extended
	TLVBroadcastContentType      = tlv.Define(0x0601, "broadcast_content_type", contentTypeForm())
	TLVBroadcastContentTypeInfo  = tlv.Define(0x0602, "broadcast_content_type_info", tlv.Octets(1, 255))
	TLVBroadcastMessageClass     = tlv.Define(0x0603, "broadcast_message_class", tlv.Uint8()) // 0: none, 1 to 3
	TLVBroadcastRepNum           = tlv.Define(0x0604, "broadcast_rep_num", tlv.Uint16())      // 0: for ever, or as validity and interval imply
	TLVBroadcastFrequency        = tlv.Define(0x0605, "broadcast_frequency_interval", frequencyForm())
	TLVBroadcastAreaIdentifier   = tlv.DefineRepeated(0x0606, "broadcast_area_identifier", areaForm())
	TLVBroadcastErrorStatus      = tlv.DefineRepeated(0x0607, "broadcast_error_status", tlv.U32[Status]())
	TLVBroadcastAreaSuccess      = tlv.DefineRepeated(0x0608, "broadcast_area_success", tlv.Uint8()) // per cent of the cells; 255: not known
	TLVBroadcastEndTime          = tlv.Define(0x0609, "broadcast_end_time", tlv.CStringOf[Time](17, 17))
	TLVBroadcastServiceGroup     = tlv.Define(0x060A, "broadcast_service_group", tlv.Octets(1, 255))
	TLVBillingIdentification     = tlv.Define(0x060B, "billing_identification", billingForm())
	TLVSourceNetworkID           = tlv.Define(0x060D, "source_network_id", tlv.CStringOf[string](7, 65))
	TLVDestNetworkID             = tlv.Define(0x060E, "dest_network_id", tlv.CStringOf[string](7, 65))
	TLVSourceNodeID              = tlv.Define(0x060F, "source_node_id", tlv.Digits(6))
	TLVDestNodeID                = tlv.Define(0x0610, "dest_node_id", tlv.Digits(6))
	TLVDestAddrNPResolution      = tlv.Define(0x0611, "dest_addr_np_resolution", tlv.U8[PortabilityResolution]())
	TLVDestAddrNPInformation     = tlv.Define(0x0612, "dest_addr_np_information", tlv.Digits(10))
	TLVDestAddrNPCountry         = tlv.Define(0x0613, "dest_addr_np_country", tlv.Octets(1, 5))
	TLVDisplayTime               = tlv.Define(0x1201, "display_time", tlv.U8[DisplayTime]())
	TLVSMSSignal                 = tlv.Define(0x1203, "sms_signal", tlv.Uint16())
	TLVMSValidity                = tlv.Define(0x1204, "ms_validity", msValidityForm())
	TLVAlertOnMessageDelivery    = tlv.Define(0x130C, "alert_on_message_delivery", alertForm())
	TLVITSReplyType              = tlv.Define(0x1380, "its_reply_type", tlv.U8[ITSReply]())
	TLVITSSessionInfo            = tlv.Define(0x1383, "its_session_info", itsSessionForm())
)

// standardTLVs lists the definitions of all of the above.
func standardTLVs() []*tlv.Definition {
	var all []*tlv.Definition
	for _, d := range []tlv.Definer{
		TLVDestAddrSubunit, TLVDestNetworkType, TLVDestBearerType, TLVDestTelematicsID, TLVSourceAddrSubunit,
		TLVSourceNetworkType, TLVSourceBearerType, TLVSourceTelematicsID, TLVQOSTimeToLive, TLVPayloadType,
		TLVAdditionalStatusInfoText, TLVReceiptedMessageID, TLVMSMsgWaitFacilities, TLVPrivacyIndicator,
		TLVSourceSubaddress, TLVDestSubaddress, TLVUserMessageReference, TLVUserResponseCode, TLVSourcePort,
		TLVDestPort, TLVSARMsgRefNum, TLVLanguageIndicator, TLVSARTotalSegments, TLVSARSegmentSeqnum,
		TLVSCInterfaceVersion, TLVCallbackNumPresInd, TLVCallbackNumATag, TLVNumberOfMessages, TLVCallbackNum,
		TLVDPFResult, TLVSetDPF, TLVMSAvailabilityStatus, TLVNetworkErrorCode, TLVMessagePayload,
		TLVDeliveryFailureReason, TLVMoreMessagesToSend, TLVMessageState, TLVCongestionState, TLVUSSDServiceOp,
		TLVBroadcastChannelIndicator, TLVBroadcastContentType, TLVBroadcastContentTypeInfo,
		TLVBroadcastMessageClass, TLVBroadcastRepNum, TLVBroadcastFrequency, TLVBroadcastAreaIdentifier,
		TLVBroadcastErrorStatus, TLVBroadcastAreaSuccess, TLVBroadcastEndTime, TLVBroadcastServiceGroup,
		TLVBillingIdentification, TLVSourceNetworkID, TLVDestNetworkID, TLVSourceNodeID, TLVDestNodeID,
		TLVDestAddrNPResolution, TLVDestAddrNPInformation, TLVDestAddrNPCountry, TLVDisplayTime, TLVSMSSignal,
		TLVMSValidity, TLVAlertOnMessageDelivery, TLVITSReplyType, TLVITSSessionInfo,
	} {
		all = append(all, d.Definition())
	}
	return all
}
