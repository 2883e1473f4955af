//! Sample data in the real formats of the services that `padelnomics` asks, for tests and the demo.

/// Padel courts as Overpass gives them with `[out:csv(…)]`.
pub const OVERPASS: &str = "\
@type,@id,@lat,@lon,name,sport,leisure,operator,access,fee,indoor,covered,surface,lit,website,addr:city,addr:country
node,2709361823,36.7196021,-4.4200106,Padel Malaga Centro,padel,pitch,,customers,yes,no,no,artificial_turf,yes,,Málaga,ES
node,8231470442,48.1371079,11.5753822,,padel,pitch,,,,no,no,artificial_turf,,,,
way,523814467,41.3850639,2.1734035,Club de Pàdel,padel;tennis,sports_centre,Club de Pàdel SL,members,yes,yes,yes,artificial_turf,yes,https://club.example,Barcelona,ES
way,1049112093,59.3293235,18.0685808,Padelhallen,padel,sports_hall,Hallen AB,yes,yes,yes,yes,artificial_turf,yes,,Stockholm,SE
";

/// City population as Eurostat's dissemination API gives it with `format=SDMX-CSV`.
pub const EUROSTAT: &str = "\
DATAFLOW,LAST UPDATE,freq,indic_ur,cities,TIME_PERIOD,OBS_VALUE,OBS_FLAG
ESTAT:URB_CPOP1(1.0),14/06/25 23:00:00,A,DE1001V,ES001C,2023,3332035,
ESTAT:URB_CPOP1(1.0),14/06/25 23:00:00,A,DE1001V,ES002C,2023,1660122,
ESTAT:URB_CPOP1(1.0),14/06/25 23:00:00,A,DE1001V,ES006C,2023,586384,
ESTAT:URB_CPOP1(1.0),14/06/25 23:00:00,A,DE1001V,SE001C,2023,984748,p
";

/// A feed of court prices.
pub const PRICES: &str = "\
city,courts,price_per_hour_eur
Málaga,41,18.50
Barcelona,112,26.00
Stockholm,87,38.20
";
