package pdu

// A BroadcastService is a service of the generic network, BroadcastGeneric.
// SMPP v5.0, section 4.8.4.8.
type BroadcastService uint16

// The services.
const (
	ServiceIndexBroadcast                  BroadcastService = 0x0000
	ServiceEmergencyBroadcasts             BroadcastService = 0x0001
	ServiceIrdbDownload                    BroadcastService = 0x0002
	ServiceNewsFlashes                     BroadcastService = 0x0010
	ServiceGeneralNewsLocal                BroadcastService = 0x0011
	ServiceGeneralNewsRegional             BroadcastService = 0x0012
	ServiceGeneralNewsNational             BroadcastService = 0x0013
	ServiceGeneralNewsInternational        BroadcastService = 0x0014
	ServiceBusinessNewsLocal               BroadcastService = 0x0015
	ServiceBusinessNewsRegional            BroadcastService = 0x0016
	ServiceBusinessNewsNational            BroadcastService = 0x0017
	ServiceBusinessNewsInternational       BroadcastService = 0x0018
	ServiceSportsNewsLocal                 BroadcastService = 0x0019
	ServiceSportsNewsRegional              BroadcastService = 0x001A
	ServiceSportsNewsNational              BroadcastService = 0x001B
	ServiceSportsNewsInternational         BroadcastService = 0x001C
	ServiceEntertainmentNewsLocal          BroadcastService = 0x001D
	ServiceEntertainmentNewsRegional       BroadcastService = 0x001E
	ServiceEntertainmentNewsNational       BroadcastService = 0x001F
	ServiceEntertainmentNewsInternational  BroadcastService = 0x0020
	ServiceMedicalHealthHospitals          BroadcastService = 0x0021
	ServiceDoctors                         BroadcastService = 0x0022
	ServicePharmacy                        BroadcastService = 0x0023
	ServiceLocalTrafficRoadReports         BroadcastService = 0x0030
	ServiceLongDistanceTrafficRoadReports  BroadcastService = 0x0031
	ServiceTaxis                           BroadcastService = 0x0032
	ServiceWeather                         BroadcastService = 0x0033
	ServiceLocalAirportFlightSchedules     BroadcastService = 0x0034
	ServiceRestaurants                     BroadcastService = 0x0035
	ServiceLodgings                        BroadcastService = 0x0036
	ServiceRetailDirectory                 BroadcastService = 0x0037
	ServiceAdvertisements                  BroadcastService = 0x0038
	ServiceStockQuotes                     BroadcastService = 0x0039
	ServiceEmploymentOpportunities         BroadcastService = 0x0040
	ServiceTechnologyNews                  BroadcastService = 0x0041
	ServiceDistrictBaseStationInfo         BroadcastService = 0x0070
	ServiceNetworkInformation              BroadcastService = 0x0071
	ServiceOperatorServices                BroadcastService = 0x0080
	ServiceDirectoryEnquiriesNational      BroadcastService = 0x0081
	ServiceDirectoryEnquiriesInternational BroadcastService = 0x0082
	ServiceCustomerCareNational            BroadcastService = 0x0083
	ServiceCustomerCareInternational       BroadcastService = 0x0084
	ServiceLocalDateTimeZone               BroadcastService = 0x0085
	ServiceMultiCategoryServices           BroadcastService = 0x0100
)
