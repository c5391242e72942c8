// Words of scripts without spaces by ICU's dictionaries, as node has them (Intl.Segmenter; needs node with full ICU).
//
// Usage: node tests/peers/words_icu.js
// Prints the expected values of plugin-sdk/text/src/dictionary.rs.
const TEXTS = [
  ["th", "ฉันรักภาษาไทย"],
  ["th", "ประเทศไทยมีแม่น้ำหลายสาย"],
  ["km", "ខ្ញុំរៀនភាសាខ្មែរ"],
  ["lo", "ຂ້ອຍຮຽນພາສາລາວ"],
  ["my", "ကျွန်တော်မြန်မာစာသင်တယ်"],
  ["zh", "我们在北京学习。"],
  ["ja", "日本語の本を読む"],
];
console.log(`ICU ${process.versions.icu}`);
for (const [language, text] of TEXTS) {
  const words = new Intl.Segmenter(language, { granularity: "word" }).segment(text);
  console.log(JSON.stringify([...words].map((word) => word.segment)));
}
