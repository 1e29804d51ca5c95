package ap

import (
	"mime"
	"strings"

	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/peppol"
)

// checkMedia refuses content whose media type contradicts its document type (SBDH-025): a document of a type with an
// XML root element is sent as XML, or inside a container that can hold XML, as in the payment domain.
func checkMedia(mediaType string, d peppol.DocTypeID) error {
	media, _, err := mime.ParseMediaType(mediaType)
	if err != nil || !strings.Contains(media, "/") {
		return fault.New(fault.BadArguments, nil, "%q is not a media type like application/pdf", mediaType)
	}
	xml := media == "application/xml" || media == "text/xml" || strings.HasSuffix(media, "+xml")
	_, root, isXML := d.Root()
	switch {
	case xml && isXML:
		return contradiction(mediaType, "documents of this type (root element "+root+
			") are sent as XML, not wrapped: leave the media type out")
	case isXML && !container(media):
		return contradiction(mediaType, "documents of this type are XML with the root element "+root)
	case xml:
		return contradiction(mediaType, "documents of this type are not XML")
	}
	return nil
}

func contradiction(mediaType, why string) error {
	return fault.New(fault.BadArguments, nil, "the media type %s contradicts the document type: %s (SBDH-025)",
		mediaType, why)
}

// container reports whether content of the media type may hold an XML document, as far as its name tells.
func container(media string) bool {
	switch media {
	case "application/octet-stream", "application/cms", "application/pkcs7-mime":
		return true
	}
	return media == "application/zip" || strings.HasSuffix(media, "+zip")
}
