"""The letters that a badge can show, so that registration can refuse a name that no printer could print.

They are those of the fonts that badging prints with; the test that compares the two writes the list again.
"""

import re

LETTERS = """
0 d 20-7e a0-377 37a-37f 384-38a 38c 38e-3a1 3a3-3e1 3f0-52f 531-556 559-58a 58d-58f 591-5c7 5d0-5ea 5ef-5f4 600-6ff 750-77f
870-88e 890-891 898-983 985-98c 98f-990 993-9a8 9aa-9b0 9b2 9b6-9b9 9bc-9c4 9c7-9c8 9cb-9ce 9d7 9dc-9dd 9df-9e3 9e6-9fe a01-a03
a05-a0a a0f-a10 a13-a28 a2a-a30 a32-a33 a35-a36 a38-a39 a3c a3e-a42 a47-a48 a4b-a4d a51 a59-a5c a5e a66-a76 a81-a83 a85-a8d
a8f-a91 a93-aa8 aaa-ab0 ab2-ab3 ab5-ab9 abc-ac5 ac7-ac9 acb-acd ad0 ae0-ae3 ae6-af1 af9-aff b01-b03 b05-b0c b0f-b10 b13-b28
b2a-b30 b32-b33 b35-b39 b3c-b44 b47-b48 b4b-b4d b55-b57 b5c-b5d b5f-b63 b66-b77 b82-b83 b85-b8a b8e-b90 b92-b95 b99-b9a b9c
b9e-b9f ba3-ba4 ba8-baa bae-bb9 bbe-bc2 bc6-bc8 bca-bcd bd0 bd7 be6-bfa c00-c0c c0e-c10 c12-c28 c2a-c39 c3c-c44 c46-c48 c4a-c4d
c55-c56 c58-c5a c5d c60-c63 c66-c6f c77-c8c c8e-c90 c92-ca8 caa-cb3 cb5-cb9 cbc-cc4 cc6-cc8 cca-ccd cd5-cd6 cdd-cde ce0-ce3
ce6-cef cf1-cf3 d00-d0c d0e-d10 d12-d44 d46-d48 d4a-d4f d54-d63 d66-d7f d81-d83 d85-d96 d9a-db1 db3-dbb dbd dc0-dc6 dca dcf-dd4
dd6 dd8-ddf de6-def df2-df4 e01-e3a e3f-e5b e81-e82 e84 e86-e8a e8c-ea3 ea5 ea7-ebd ec0-ec4 ec6 ec8-ece ed0-ed9 edc-edf
1000-10c5 10c7 10cd 10d0-1248 124a-124d 1250-1256 1258 125a-125d 1260-1288 128a-128d 1290-12b0 12b2-12b5 12b8-12be 12c0
12c2-12c5 12c8-12d6 12d8-1310 1312-1315 1318-135a 135d-137c 1380-1399 1780-17dd 17e0-17e9 17f0-17f9 19e0-19ff 1ab0-1ac0 1ac5
1ac7-1ace 1c80-1c88 1c90-1cba 1cbd-1cbf 1cd0-1cf9 1d00-1df9 1dfb-1f15 1f18-1f1d 1f20-1f45 1f48-1f4d 1f50-1f57 1f59 1f5b 1f5d
1f5f-1f7d 1f80-1fb4 1fb6-1fc4 1fc6-1fd3 1fd6-1fdb 1fdd-1fef 1ff2-1ff4 1ff6-1ffe 2000-2064 2066-2071 2074-208e 2090-209c
20a0-20c0 20dd-20e0 20e2-20e4 20f0 2100-218b 2190-2199 21a9-21aa 21b8-21b9 21c4-21c6 21cb-21cc 21d0 21d2 21d4 21e6-21e9 21f5
2200 2202-2203 2205-220b 220f 2211-2213 2215 221a 221d-2220 2223 2225-222e 2234-2237 223d 2243 2245 2248 224c 2260-2262
2264-2267 226a-226b 226e-226f 2272-2273 2276-2277 2282-2287 228a-228b 2295-2299 22a0 22a5 22bf 22da-22db 22ee-22ef 2300-230f
2311-2315 2317-2318 231a-231f 2322-2323 2328-232a 232c-2335 237c 2380-2394 2396-239a 23af-23b1 23be-23db 23e2-23f3 23f8-23fa
2423 2460-25ab 25b1-25b3 25b6-25b7 25bc-25bd 25c0-25c1 25c6-25c7 25c9-25cc 25ce-25d3 25e2-25e6 25ef 25fb-25fe 2600-2606
2609-260f 2611 2613-2618 261c-2620 2622-262f 2638-263b 263d-2653 265f-267f 2690-269d 26a0-26ab 26ad-26be 26c4-26c5 26c8
26ce-26cf 26d1 26d3-26d4 26e2-26ff 2702 2705 2708-270d 270f 2712-2714 2716 271a 271d-2721 2728 2733-2734 273d 273f-2740 2744
2747 274c 274e 2753-2757 2763-2764 2776-2793 2795-2797 27a1 27b0 27bf 2921-2922 2934-2935 29bf 29fa-29fb 2b05-2b07 2b1a-2b1c
2b50 2b55 2b95 2c60-2c7f 2d00-2d25 2d27 2d2d 2d80-2d96 2da0-2da6 2da8-2dae 2db0-2db6 2db8-2dbe 2dc0-2dc6 2dc8-2dce 2dd0-2dd6
2dd8-2dde 2de0-2e5d 2e80-2e99 2e9b-2ef3 2f00-2fd5 2ff0-2ffb 3000-303f 3041-3096 3099-30ff 3105-312f 3131-318e 3190-31bb
31c0-31e3 31f0-321e 3220-332b 332d-4dbf 4e00-9fff a640-a69f a700-a7ca a7d0-a7d1 a7d3 a7d5-a7d9 a7f2-a7ff a830-a839 a8e0-a8ff
a92e a960-a97c a9e0-a9fe aa60-aa7f ab01-ab06 ab09-ab0e ab11-ab16 ab20-ab26 ab28-ab2e ab30-ab6b ac00-d7a3 d7b0-d7c6 d7cb-d7fb
f900-f95e f960-f9a9 f9ab-fa0f fa11-fa24 fa26-fa2c fa2e-fa31 fa33-fa3d fa3f fa41 fa43-fa55 fa57 fa59-fa68 fa6a fb00-fb06
fb13-fb17 fb1d-fb36 fb38-fb3c fb3e fb40-fb41 fb43-fb44 fb46-fbc2 fbd3-fd8f fd92-fdc7 fdcf fdf0-fe00 fe0e-fe19 fe20-fe52
fe54-fe66 fe68-fe6b fe70-fe74 fe76-fefc feff ff01-ffbe ffc2-ffc7 ffca-ffcf ffd2-ffd7 ffda-ffdc ffe0-ffe6 ffe8-ffee fffc-fffd
10780-10785 10787-107b0 107b2-107ba 10efd-10eff 111e1-111f4 11301 11303 1133b-1133c 11b00-11b09 1df00-1df1e 1e7e0-1e7e6
1e7e8-1e7eb 1e7ed-1e7ee 1e7f0-1e7fe 1f004 1f0cf 1f100-1f10c 1f110-1f16c 1f170-1f1ac 1f1e6-1f202 1f210-1f23b 1f240-1f248
1f250-1f251 1f300-1f321 1f324-1f393 1f396-1f397 1f399-1f39b 1f39e-1f3f0 1f3f3-1f3f5 1f3f7-1f4fd 1f4ff-1f53d 1f546-1f567
1f56f-1f570 1f573-1f57a 1f587 1f58a-1f58d 1f590 1f595-1f596 1f5a4-1f5a5 1f5a8 1f5b1-1f5b2 1f5bc 1f5c2-1f5c4 1f5d1-1f5d3
1f5dc-1f5de 1f5e1 1f5e3 1f5e8 1f5ef 1f5f3 1f5fa-1f64f 1f680-1f6c5 1f6cb-1f6d2 1f6d5-1f6d7 1f6dc-1f6e5 1f6e9 1f6eb-1f6ec 1f6f0
1f6f3-1f6fc 1f700-1f773 1f7e0-1f7eb 1f7f0 1f90c-1f93a 1f93c-1f945 1f947-1f9ff 1fa70-1fa7c 1fa80-1fa88 1fa90-1fabd 1fabf-1fac5
1face-1fadb 1fae0-1fae8 1faf0-1faf8 20087 20089 200cc 200d7 2012c 20164 205ca 20628 20676 20984 20cd0 21155 2128d 2139a 21413
21594 215d7 21727 21f5c 224b0 224ed 2294f 2298f 22c6f 22ee0 230fd 23343 235cb 2363b 23ad9 23c97-23c98 23e23 241fe 2420e 242f1
2439d 248e9 248f0 249db 24a01 24a12 24a7d 24ac9 25055 2533e 253b5 253fe 25532 25562 255a8 25832 2583a 25874 25978 25ad7 25b97
25e44 25ed7 26057 26221 2648d 265a4 26676 2677c 267d8 26951 26b5c 26c21 27144 275ff 27625 278b2 27a51 27b02 27cef 27e7d 27eaf
27f1b 27fb7 27ff9 283f6 28408 284dc 28678 28695 287e0 28b49 28c47 28c4f 28c51 28c54 28d8a 28da1 28e0f 28e99 291d5 291e3 294de
29509 2967f 29810 2983b 29f7e 29f83 29f8c 2a2ad 2a4d0 2a664 2a7dd 2a8fb 2a917 2aa30 2aa36 2aa58 2afa2 2b127-2b128 2b137-2b138
2b1ed 2b300 2b363 2b36f 2b372 2b37d 2b404 2b410 2b413 2b461 2b4e7 2b4ef 2b4f6 2b4f9 2b50d-2b50e 2b536 2b5ae-2b5af 2b5b3 2b5e7
2b5f4 2b61c-2b61d 2b626-2b628 2b62a 2b62c 2b695-2b696 2b6ad 2b6ed 2b7a9 2b7c5 2b7e6 2b7f9 2b7fc 2b806 2b80a 2b81c 2b8b8 2bac7
2bb5f 2bb62 2bb7c 2bb83 2bc1b 2bd77 2bd87 2bdf7 2be29 2c029-2c02a 2c0a9 2c0ca 2c115 2c1d5 2c1d9 2c1f9 2c27c 2c288 2c2a4 2c317
2c35b 2c361 2c364 2c488 2c494 2c497 2c542 2c613 2c618 2c621 2c629 2c62b-2c62d 2c62f 2c642 2c64a-2c64b 2c72c 2c72f 2c79f 2c7c1
2c7d3 2c7fd 2c8d9 2c8de 2c8e1 2c8f3 2c907 2c90a 2c91d 2ca02 2ca0e 2ca7d 2caa9 2cb29 2cb2d-2cb2e 2cb31 2cb38-2cb39 2cb3b 2cb3f
2cb41 2cb4a 2cb4e 2cb5a-2cb5b 2cb64 2cb69 2cb6c 2cb6f 2cb73 2cb76 2cb78 2cb7c 2cbb1 2cbbf-2cbc0 2cbce 2cc56 2cc5f 2ccf5-2ccf6
2ccfd 2ccff 2cd02-2cd03 2cd0a 2cd8b 2cd8d 2cd8f-2cd90 2cd9f-2cda0 2cda8 2cdad-2cdae 2cdd5 2ce18 2ce1a 2ce23 2ce26 2ce2a 2ce7c
2ce88 2ce93 2d544 2e569 2f815 2f818 2f81a 2f82c 2f833 2f852 2f862 2f877-2f878 2f884 2f8b2 2f8b6 2f8ed 2f8fc 2f920 2f96c 2f9d0
2f9df 30729 30edd-30ede 3106c e0030-e0039 e0061-e007a e007f fe4e5-fe4ee fe82c fe82e-fe837
"""
"""Ranges of code points in hexadecimal, written by `python -m tests.badge_letters`."""

_ALWAYS_SHOWN = "\u200c\u200d"
"""Joiners have no shape of their own."""


def _as_characters(ranges: str) -> str:
    """As they stand between the brackets of a regular expression."""
    return "".join("-".join(f"\\U{int(end, 16):08x}" for end in each.split("-")) for each in ranges.split())


_WITHOUT_A_SHAPE = re.compile(rf"[^\s{_ALWAYS_SHOWN}{_as_characters(LETTERS)}]")


def not_shown(text: str) -> list[str]:
    """The characters of `text`, each once, that no badge can show; line ends and spaces of any width are shown as spaces."""
    return [] if text.isascii() else list(dict.fromkeys(_WITHOUT_A_SHAPE.findall(text)))
