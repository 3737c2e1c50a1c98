import { createOpenAI } from '@ai-sdk/openai';
import { generateText, streamText } from 'ai';
const openai = createOpenAI({ baseURL: process.argv[2], apiKey: 'none' });
const out = {};
for (const [name, model] of [['chat', openai.chat('papers')], ['responses', openai.responses('papers')]]) {
  const whole = await generateText({ model, prompt: process.argv[3], maxRetries: 0 });
  const streamed = streamText({ model, prompt: process.argv[3], maxRetries: 0 });
  let text = '';
  for await (const part of streamed.textStream) text += part;
  out[name] = { text: whole.text, sources: whole.sources.map((s) => s.url), streamed: text, streamedSources: (await streamed.sources).map((s) => s.url) };
}
console.log(JSON.stringify(out));
