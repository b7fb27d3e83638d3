// Writes properties/known/baseline.json, which the tests compare with and a reviewer reads as a diff: npm run
// baseline.

import { writeFileSync } from 'node:fs';
import { POLICIES } from '../policies/index.ts';
import { survey, surveyConfigs } from '../properties/known/survey.ts';

const surveys = POLICIES.flatMap((policy) => surveyConfigs(policy).map((config) => survey(config, policy)));
writeFileSync(
  new URL('../properties/known/baseline.json', import.meta.url),
  `${JSON.stringify(surveys, null, 2)}\n`,
);
