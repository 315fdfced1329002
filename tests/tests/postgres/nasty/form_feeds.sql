-- Form feeds and tabs as space;
SELECT1;	SELECT	';',E'\';'
'\';';
;CREATEFUNCTIONform_feeds()RETURNSintBEGINATOMICSELECT1;END;SELECTform_feeds();