<xsl:stylesheet version="2.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" xmlns:svrl="http://purl.oclc.org/dsdl/svrl"
    xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:p="urn:ravn:example:parcel">
  <xsl:output method="xml"/>
  <xsl:template match="/">
    <svrl:schematron-output title="Parcels">
      <svrl:active-pattern><xsl:attribute name="id">sums</xsl:attribute></svrl:active-pattern>
      <xsl:apply-templates select="/" mode="M1"/>
      <svrl:active-pattern><xsl:attribute name="id">names</xsl:attribute></svrl:active-pattern>
      <xsl:apply-templates select="/" mode="M2"/>
    </svrl:schematron-output>
  </xsl:template>
  <xsl:template match="p:Parcel" priority="1000" mode="M1">
    <svrl:fired-rule context="p:Parcel"/>
    <xsl:variable name="sum" select="sum(p:Item/xs:decimal(.))"/>
    <xsl:choose>
      <xsl:when test="$sum = p:Weight"/>
      <xsl:otherwise>
        <svrl:failed-assert test="$sum = p:Weight">
          <xsl:attribute name="id">P-01</xsl:attribute>
          <xsl:attribute name="flag">fatal</xsl:attribute>
          <svrl:text>[P-01] The parcel weighs <xsl:value-of select="$sum"/>, not <xsl:value-of select="p:Weight"/>.</svrl:text>
        </svrl:failed-assert>
      </xsl:otherwise>
    </xsl:choose>
    <xsl:if test="p:Weight &gt; 30">
      <svrl:successful-report test="p:Weight &gt; 30">
        <xsl:attribute name="id">P-02</xsl:attribute>
        <xsl:attribute name="flag">warning</xsl:attribute>
        <svrl:text>[P-02] A heavy parcel.</svrl:text>
      </svrl:successful-report>
    </xsl:if>
    <xsl:apply-templates select="*" mode="M1"/>
  </xsl:template>
  <xsl:template match="text()" priority="-1" mode="M1"/>
  <xsl:template match="@*|node()" priority="-2" mode="M1"><xsl:apply-templates select="*" mode="M1"/></xsl:template>
  <xsl:template match="p:Item" priority="1000" mode="M2">
    <svrl:fired-rule context="p:Item"/>
    <xsl:choose>
      <xsl:when test="not(@name = preceding-sibling::p:Item/@name)"/>
      <xsl:otherwise>
        <svrl:failed-assert test="not(@name = preceding-sibling::p:Item/@name)">
          <xsl:attribute name="id">P-03</xsl:attribute>
          <xsl:attribute name="flag">fatal</xsl:attribute>
          <svrl:text>[P-03] There are two items called <xsl:value-of select="@name"/>.</svrl:text>
        </svrl:failed-assert>
      </xsl:otherwise>
    </xsl:choose>
    <xsl:apply-templates select="*" mode="M2"/>
  </xsl:template>
  <xsl:template match="text()" priority="-1" mode="M2"/>
  <xsl:template match="@*|node()" priority="-2" mode="M2"><xsl:apply-templates select="*" mode="M2"/></xsl:template>
</xsl:stylesheet>
