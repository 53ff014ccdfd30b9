"""Closed vocabularies of STIX 2.1: types, enumerations, reserved names, hash forms, languages.

Open vocabularies (section 10) only suggest values and are not checked.
"""

from __future__ import annotations


def words(text: str) -> tuple[str, ...]:
    """Names written with blanks between them, which keeps long tables short."""
    return tuple(text.split())


# Domain objects, relationship objects, cyber-observable objects and meta objects (sections 4 to 7)
SDO_TYPES = frozenset(
    words(
        "attack-pattern campaign course-of-action grouping identity incident indicator infrastructure intrusion-set "
        "location malware malware-analysis note observed-data opinion report threat-actor tool vulnerability"
    )
)
SRO_TYPES = frozenset({"relationship", "sighting"})
SCO_TYPES = frozenset(
    words(
        "artifact autonomous-system directory domain-name email-addr email-message file ipv4-addr ipv6-addr mac-addr "
        "mutex network-traffic process software url user-account windows-registry-key x509-certificate"
    )
)
META_TYPES = frozenset({"extension-definition", "language-content", "marking-definition"})
STANDARD_TYPES = SDO_TYPES | SRO_TYPES | SCO_TYPES | META_TYPES | {"bundle"}

# Section 11.1 and the published schemas: kept for later versions of the standard
RESERVED_TYPES = frozenset({"action"})
RESERVED_PROPERTIES = frozenset({"action", "phone_numbers", "severity", "username"})

OPINIONS = ("strongly-disagree", "disagree", "neutral", "agree", "strongly-agree")
ENCRYPTION_ALGORITHMS = ("AES-256-GCM", "ChaCha20-Poly1305", "mime-type-indicated")
EXTENSION_TYPES = ("new-sdo", "new-sco", "new-sro", "property-extension", "toplevel-property-extension")
ADDRESS_FAMILIES = (
    "AF_UNSPEC", "AF_INET", "AF_IPX", "AF_APPLETALK", "AF_NETBIOS", "AF_INET6", "AF_IRDA", "AF_BTH",
)  # fmt: skip
SOCKET_TYPES = ("SOCK_STREAM", "SOCK_DGRAM", "SOCK_RAW", "SOCK_RDM", "SOCK_SEQPACKET")
INTEGRITY_LEVELS = ("low", "medium", "high", "system")
SERVICE_START_TYPES = (
    "SERVICE_AUTO_START", "SERVICE_BOOT_START", "SERVICE_DEMAND_START", "SERVICE_DISABLED", "SERVICE_SYSTEM_ALERT",
)  # fmt: skip
SERVICE_TYPES = (
    "SERVICE_KERNEL_DRIVER", "SERVICE_FILE_SYSTEM_DRIVER", "SERVICE_WIN32_OWN_PROCESS", "SERVICE_WIN32_SHARE_PROCESS",
)  # fmt: skip
SERVICE_STATUSES = (
    "SERVICE_CONTINUE_PENDING", "SERVICE_PAUSE_PENDING", "SERVICE_PAUSED", "SERVICE_RUNNING", "SERVICE_START_PENDING",
    "SERVICE_STOP_PENDING", "SERVICE_STOPPED",
)  # fmt: skip
REGISTRY_DATA_TYPES = (
    "REG_NONE", "REG_SZ", "REG_EXPAND_SZ", "REG_BINARY", "REG_DWORD", "REG_DWORD_BIG_ENDIAN",
    "REG_DWORD_LITTLE_ENDIAN", "REG_LINK", "REG_MULTI_SZ", "REG_RESOURCE_LIST", "REG_FULL_RESOURCE_DESCRIPTION",
    "REG_RESOURCE_REQUIREMENTS_LIST", "REG_QWORD", "REG_INVALID_TYPE",
)  # fmt: skip

# The four TLP 1 markings that the standard fixes (section 7.2.1.4): tlp -> (id, name)
TLP1_CREATED = "2017-01-20T00:00:00.000Z"
TLP1 = {
    "white": ("marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9", "TLP:WHITE"),
    "green": ("marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da", "TLP:GREEN"),
    "amber": ("marking-definition--f88d31f6-486f-44da-b317-01333bde0b82", "TLP:AMBER"),
    "red": ("marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed", "TLP:RED"),
}

# algorithm -> (form, what it is): hash-algorithm-ov with the lengths of each digest
HASH_FORMS = {
    "MD5": (r"[a-fA-F0-9]{32}", "32 hexadecimal digits"),
    "SHA-1": (r"[a-fA-F0-9]{40}", "40 hexadecimal digits"),
    "SHA-256": (r"[a-fA-F0-9]{64}", "64 hexadecimal digits"),
    "SHA-512": (r"[a-fA-F0-9]{128}", "128 hexadecimal digits"),
    "SHA3-256": (r"[a-fA-F0-9]{64}", "64 hexadecimal digits"),
    "SHA3-512": (r"[a-fA-F0-9]{128}", "128 hexadecimal digits"),
    "SSDEEP": (r"[a-zA-Z0-9/+:.]{1,128}", "at most 128 letters, digits, / + : ."),
    "TLSH": (r"[a-zA-Z0-9]{70}", "70 letters and digits"),
}

# ISO 639-1 and 639-2 (both forms), the withdrawn codes that RFC 5646 keeps, and the individual languages of
# ISO 639-3 that people write for a macrolanguage (Dari, Mandarin, Levantine Arabic, ...)
LANGUAGES = frozenset(
    words(
        """
    aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el
    en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik in io is it
    iu iw ja ji jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mo mr
    ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si
    sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi
    yo za zh zu aar abk ace ach acm ada ady afa afh afr ain aka akk alb ale alg aln als alt amh ang anp apa apc ara
    arb arc arg arm arn arp ars art arw ary arz asm ast ath aus ava ave awa aym azb aze azj bad bai bak bal bam ban
    baq bas bat bej bel bem ben ber bho bih bik bin bis bla bnt bod bos bra bre btk bua bug bul bur byn cad cai car
    cat cau ceb cel ces cha chb che chg chi chk chm chn cho chp chr chu chv chy ckb cmc cmn cnr cop cor cos cpe cpf
    cpp cre crh crp csb cus cym cze dak dan dar day del den deu dgr din div doi dra dsb dua dum dut dyu dzo efi egy
    eka ekk ell elx eng enm epo est eus ewe ewo fan fao fas fat fij fil fin fiu fon fra fre frm fro frr frs fry fuc
    ful fur gaa gax gay gba gem geo ger gez gil gla gle glg glv gmh goh gon gor got grb grc gre grn gsw guj gwi hac
    hai hat hau haw heb her hil him hin hit hmn hmo hrv hsb hun hup hye iba ibo ice ido iii ijo iku ile ilo ina inc
    ind ine inh ipk ira iro isl ita jav jbo jpn jpr jrb kaa kab kac kal kam kan kar kas kat kau kaw kaz kbd kha khi
    khm kho kik kin kir kmb kmr kok kom kon kor kos kpe krc krl kro kru kua kum kur kut lad lah lam lao lat lav lez
    lim lin lit lol loz ltz lua lub lug lui lun luo lus lvs mac mad mag mah mai mak mal man mao map mar mas may mdf
    mdr men mga mic min mis mkd mkh mlg mlt mnc mni mno moh mon mos mri msa mul mun mus mwl mwr mya myn myv nah nai
    nap nau nav nbl nde ndo nds nep new nia nic niu nld nno nob nog non nor npi nqo nso nub nwc nya nym nyn nyo nzi
    oci oji ori orm ory osa oss ota oto paa pag pal pam pan pap pau pbt pbu peo per pes phi phn pli pol pon por pra
    pro prs pus que raj rap rar roa roh rom ron rum run rup rus sad sag sah sai sal sam san sas sat scn sco sel sem
    sga sgn shn sid sin sio sit sla slk slo slv sma sme smi smj smn smo sms sna snd snk sog som son sot spa sqi srd
    srn srp srr ssa ssw suk sun sus sux swa swe swh syc syr tah tai tam tat tel tem ter tet tgk tgl tha tib tig tir
    tiv tkl tlh tli tmh tog ton tpi tsi tsn tso tuk tum tup tur tut tvl twi tyv udm uga uig ukr umb und urd uzb vai
    ven vie vol vot wak wal war was wel wen wln wol wuu xal xho yao yap ydd yid yor ypk yue zap zbl zen zgh zha zho
    znd zsm zul zun zxx zza
    """
    )
)
