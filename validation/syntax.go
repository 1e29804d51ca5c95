package validation

// What people look for in documents is called.
var (
	nameNumber     = label{"Number", "Nummer", "Nummer"}
	nameIssued     = label{"Date", "Dato", "Dato"}
	nameDue        = label{"Due date", "Forfall", "Forfall"}
	nameKind       = label{"Type code", "Typekode", "Typekode"}
	nameNote       = label{"Note", "Merknad", "Merknad"}
	nameReference  = label{"Buyer's reference", "Kjøpers referanse", "Referansen til kjøparen"}
	nameOrder      = label{"Order", "Ordre", "Ordre"}
	namePreceding  = label{"Invoice referred to", "Gjelder faktura", "Gjeld faktura"}
	nameContract   = label{"Contract", "Kontrakt", "Kontrakt"}
	nameDelivered  = label{"Delivery", "Levering", "Levering"}
	nameTerms      = label{"Terms", "Betingelser", "Vilkår"}
	nameAccount    = label{"Account", "Konto", "Konto"}
	namePaymentID  = label{"Payment reference", "KID eller betalingsreferanse", "KID eller betalingsreferanse"}
	nameCurrency   = label{"Currency", "Valuta", "Valuta"}
	nameResponse   = label{"Answer", "Svar", "Svar"}
	nameSeller     = label{"Seller", "Selger", "Seljar"}
	nameBuyer      = label{"Buyer", "Kjøper", "Kjøpar"}
	nameSender     = label{"Sender", "Avsender", "Avsendar"}
	nameReceiver   = label{"Receiver", "Mottaker", "Mottakar"}
	namePayee      = label{"Payee", "Betalingsmottaker", "Betalingsmottakar"}
	nameDeliveryTo = label{"Delivered to", "Levert til", "Levert til"}

	nameLines      = label{"Lines", "Linjer", "Linjer"}
	nameAllowances = label{"Allowances and charges", "Rabatter og gebyrer", "Rabattar og gebyr"}
	nameTaxes      = label{"VAT", "Merverdiavgift", "Meirverdiavgift"}
	nameTotals     = label{"Totals", "Summer", "Summar"}
	nameLine       = label{"No.", "Nr.", "Nr."}
	nameItem       = label{"Item", "Vare", "Vare"}
	nameQuantity   = label{"Quantity", "Antall", "Tal"}
	namePrice      = label{"Price", "Pris", "Pris"}
	nameRate       = label{"VAT %", "Mva. %", "Mva. %"}
	nameCategory   = label{"Category", "Kategori", "Kategori"}
	nameAmount     = label{"Amount", "Beløp", "Beløp"}
	nameReason     = label{"Reason", "Grunn", "Grunn"}
	nameCharge     = label{"Charge", "Gebyr", "Gebyr"}
	nameAllowance  = label{"Allowance", "Rabatt", "Rabatt"}
	nameWhat       = label{"What", "Hva", "Kva"}
	nameBase       = label{"Basis", "Grunnlag", "Grunnlag"}
	nameTax        = label{"VAT", "Mva.", "Mva."}

	nameSumLines   = label{"Sum of lines", "Sum av linjer", "Sum av linjer"}
	nameSumLess    = label{"Allowances", "Rabatter", "Rabattar"}
	nameSumMore    = label{"Charges", "Gebyrer", "Gebyr"}
	nameWithoutTax = label{"Total without VAT", "Sum uten mva.", "Sum utan mva."}
	nameWithTax    = label{"Total with VAT", "Sum med mva.", "Sum med mva."}
	namePrepaid    = label{"Paid", "Betalt", "Betalt"}
	nameRounding   = label{"Rounding", "Avrunding", "Avrunding"}
	namePayable    = label{"To be paid", "Å betale", "Å betale"}
)

// isNumber tells the columns of numbers.
var isNumber = map[label]bool{
	nameQuantity: true, namePrice: true, nameRate: true, nameAmount: true, nameBase: true, nameTax: true,
}

// ubl is where UBL documents have it: invoices, orders, despatch and receipt advices, catalogues and answers.
var ubl = syntax{
	number: "ID", issued: "IssueDate", currency: "DocumentCurrencyCode",
	payable: "LegalMonetaryTotal/PayableAmount|AnticipatedMonetaryTotal/PayableAmount|" +
		"RequestedMonetaryTotal/PayableAmount",
	seller: "AccountingSupplierParty/Party|SellerSupplierParty/Party|DespatchSupplierParty/Party|SenderParty|" +
		"ProviderParty",
	buyer: "AccountingCustomerParty/Party|BuyerCustomerParty/Party|DeliveryCustomerParty/Party|ReceiverParty",
	name:  "PartyLegalEntity/RegistrationName|PartyName/Name",
	ids:   "EndpointID|PartyIdentification/ID|PartyLegalEntity/CompanyID|PartyTaxScheme/CompanyID",
	address: []string{
		"PostalAddress/StreetName", "PostalAddress/AdditionalStreetName",
		"PostalAddress/PostalZone PostalAddress/CityName", "PostalAddress/Country/IdentificationCode",
		"PartyTaxScheme/CompanyID",
	},
	facts: []field{
		{nameNumber, "ID"},
		{nameIssued, "IssueDate"},
		{nameDue, "DueDate"},
		{nameKind, "InvoiceTypeCode|CreditNoteTypeCode|OrderTypeCode|DespatchAdviceTypeCode"},
		{nameResponse, "OrderResponseCode|DocumentResponse/Response/ResponseCode"},
		{nameNote, "Note"},
		{nameCurrency, "DocumentCurrencyCode"},
		{nameReference, "BuyerReference|CustomerReference"},
		{nameOrder, "OrderReference/ID"},
		{namePreceding, "BillingReference/InvoiceDocumentReference/ID"},
		{nameContract, "ContractDocumentReference/ID|Contract/ID"},
		{nameDelivered, "Delivery/ActualDeliveryDate|Shipment/Delivery/EstimatedDeliveryPeriod/EndDate"},
		{nameTerms, "PaymentTerms/Note"},
		{nameAccount, "PaymentMeans/PayeeFinancialAccount/ID"},
		{namePaymentID, "PaymentMeans/PaymentID"},
	},
	parties: []field{
		{nameSeller, "AccountingSupplierParty/Party|SellerSupplierParty/Party"},
		{nameBuyer, "AccountingCustomerParty/Party|BuyerCustomerParty/Party"},
		{nameSender, "DespatchSupplierParty/Party|SenderParty|ProviderParty"},
		{nameReceiver, "DeliveryCustomerParty/Party|ReceiverParty"},
		{namePayee, "PayeeParty"},
	},
	tables: []table{
		{
			title: nameLines, lines: true,
			rows: "InvoiceLine|CreditNoteLine|OrderLine|DespatchLine|ReceiptLine|CatalogueLine",
			columns: []field{
				{nameLine, "ID|LineItem/ID"},
				{nameItem, "Item/Name|LineItem/Item/Name"},
				{
					nameQuantity, "InvoicedQuantity|CreditedQuantity|LineItem/Quantity|DeliveredQuantity|" +
						"ReceivedQuantity",
				},
				{
					namePrice, "Price/PriceAmount|LineItem/Price/PriceAmount|" +
						"RequiredItemLocationQuantity/Price/PriceAmount",
				},
				{nameRate, "Item/ClassifiedTaxCategory/Percent|LineItem/Item/ClassifiedTaxCategory/Percent"},
				{nameAmount, "LineExtensionAmount|LineItem/LineExtensionAmount"},
			},
		},
		{
			title: nameAllowances, rows: "AllowanceCharge",
			columns: []field{
				{nameWhat, "ChargeIndicator"},
				{nameReason, "AllowanceChargeReason|AllowanceChargeReasonCode"},
				{nameRate, "TaxCategory/Percent"},
				{nameAmount, "Amount"},
			},
		},
		{
			title: nameTaxes, rows: "TaxTotal/TaxSubtotal",
			columns: []field{
				{nameCategory, "TaxCategory/ID"},
				{nameRate, "TaxCategory/Percent"},
				{nameBase, "TaxableAmount"},
				{nameTax, "TaxAmount"},
			},
		},
	},
	totals: []field{
		{nameSumLines, "LegalMonetaryTotal/LineExtensionAmount|AnticipatedMonetaryTotal/LineExtensionAmount"},
		{nameSumLess, "LegalMonetaryTotal/AllowanceTotalAmount|AnticipatedMonetaryTotal/AllowanceTotalAmount"},
		{nameSumMore, "LegalMonetaryTotal/ChargeTotalAmount|AnticipatedMonetaryTotal/ChargeTotalAmount"},
		{nameWithoutTax, "LegalMonetaryTotal/TaxExclusiveAmount|AnticipatedMonetaryTotal/TaxExclusiveAmount"},
		{nameTax, "TaxTotal/TaxAmount"},
		{nameWithTax, "LegalMonetaryTotal/TaxInclusiveAmount|AnticipatedMonetaryTotal/TaxInclusiveAmount"},
		{namePrepaid, "LegalMonetaryTotal/PrepaidAmount"},
		{nameRounding, "LegalMonetaryTotal/PayableRoundingAmount"},
		{namePayable, "LegalMonetaryTotal/PayableAmount|AnticipatedMonetaryTotal/PayableAmount"},
	},
}

// The parts of a Cross Industry Invoice.
const (
	agreement  = "SupplyChainTradeTransaction/ApplicableHeaderTradeAgreement/"
	settlement = "SupplyChainTradeTransaction/ApplicableHeaderTradeSettlement/"
	summation  = settlement + "SpecifiedTradeSettlementHeaderMonetarySummation/"
	onLine     = "SpecifiedLineTradeSettlement/"
)

// cii is where Cross Industry Invoices have it.
var cii = syntax{
	number: "ExchangedDocument/ID", issued: "ExchangedDocument/IssueDateTime/DateTimeString",
	currency: settlement + "InvoiceCurrencyCode", payable: summation + "DuePayableAmount",
	seller: agreement + "SellerTradeParty", buyer: agreement + "BuyerTradeParty",
	name: "Name", ids: "URIUniversalCommunication/URIID|GlobalID|ID|SpecifiedLegalOrganization/ID",
	address: []string{
		"PostalTradeAddress/LineOne", "PostalTradeAddress/LineTwo",
		"PostalTradeAddress/PostcodeCode PostalTradeAddress/CityName", "PostalTradeAddress/CountryID",
		"SpecifiedTaxRegistration/ID",
	},
	facts: []field{
		{nameNumber, "ExchangedDocument/ID"},
		{nameIssued, "ExchangedDocument/IssueDateTime/DateTimeString"},
		{nameDue, settlement + "SpecifiedTradePaymentTerms/DueDateDateTime/DateTimeString"},
		{nameKind, "ExchangedDocument/TypeCode"},
		{nameNote, "ExchangedDocument/IncludedNote/Content"},
		{nameCurrency, settlement + "InvoiceCurrencyCode"},
		{nameReference, agreement + "BuyerReference"},
		{nameOrder, agreement + "BuyerOrderReferencedDocument/IssuerAssignedID"},
		{namePreceding, settlement + "InvoiceReferencedDocument/IssuerAssignedID"},
		{nameContract, agreement + "ContractReferencedDocument/IssuerAssignedID"},
		{
			nameDelivered, "SupplyChainTradeTransaction/ApplicableHeaderTradeDelivery/ActualDeliverySupplyChainEvent/" +
				"OccurrenceDateTime/DateTimeString",
		},
		{nameTerms, settlement + "SpecifiedTradePaymentTerms/Description"},
		{nameAccount, settlement + "SpecifiedTradeSettlementPaymentMeans/PayeePartyCreditorFinancialAccount/IBANID|" +
			settlement + "SpecifiedTradeSettlementPaymentMeans/PayeePartyCreditorFinancialAccount/ProprietaryID"},
		{namePaymentID, settlement + "PaymentReference"},
	},
	parties: []field{
		{nameSeller, agreement + "SellerTradeParty"},
		{nameBuyer, agreement + "BuyerTradeParty"},
		{nameDeliveryTo, "SupplyChainTradeTransaction/ApplicableHeaderTradeDelivery/ShipToTradeParty"},
		{namePayee, settlement + "PayeeTradeParty"},
	},
	tables: []table{
		{
			title: nameLines, rows: "SupplyChainTradeTransaction/IncludedSupplyChainTradeLineItem", lines: true,
			columns: []field{
				{nameLine, "AssociatedDocumentLineDocument/LineID"},
				{nameItem, "SpecifiedTradeProduct/Name"},
				{nameQuantity, "SpecifiedLineTradeDelivery/BilledQuantity"},
				{namePrice, "SpecifiedLineTradeAgreement/NetPriceProductTradePrice/ChargeAmount"},
				{nameRate, onLine + "ApplicableTradeTax/RateApplicablePercent"},
				{nameAmount, onLine + "SpecifiedTradeSettlementLineMonetarySummation/LineTotalAmount"},
			},
		},
		{
			title: nameAllowances, rows: settlement + "SpecifiedTradeAllowanceCharge",
			columns: []field{
				{nameWhat, "ChargeIndicator"},
				{nameReason, "Reason|ReasonCode"},
				{nameRate, "CategoryTradeTax/RateApplicablePercent"},
				{nameAmount, "ActualAmount"},
			},
		},
		{
			title: nameTaxes, rows: settlement + "ApplicableTradeTax",
			columns: []field{
				{nameCategory, "CategoryCode"},
				{nameRate, "RateApplicablePercent"},
				{nameBase, "BasisAmount"},
				{nameTax, "CalculatedAmount"},
			},
		},
	},
	totals: []field{
		{nameSumLines, summation + "LineTotalAmount"},
		{nameSumLess, summation + "AllowanceTotalAmount"},
		{nameSumMore, summation + "ChargeTotalAmount"},
		{nameWithoutTax, summation + "TaxBasisTotalAmount"},
		{nameTax, summation + "TaxTotalAmount"},
		{nameWithTax, summation + "GrandTotalAmount"},
		{namePrepaid, summation + "TotalPrepaidAmount"},
		{nameRounding, summation + "RoundingAmount"},
		{namePayable, summation + "DuePayableAmount"},
	},
}
