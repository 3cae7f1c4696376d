/* SPDX-License-Identifier: Apache-2.0 */
'use strict';
(() => {
	const root = document.body.dataset.root, input = document.getElementById('search'), list = document.getElementById('results');
	const words = () => input.value.toLowerCase().split(/[^a-z_0-9]+/).filter(w => w);

	/* A word in the title counts most; every word must be found, by its beginning. */
	function score(entry, wanted) {
		let sum = 0;
		for (const w of wanted) {
			const title = entry[0].toLowerCase();
			if (title === w) sum += 50;
			else if (title.includes(w)) sum += 20;
			else if ((' ' + entry[2]).includes(' ' + w)) sum += 1;
			else return 0;
		}
		return sum;
	}
	function search() {
		const wanted = words();
		const found = wanted.length ? (window.searchIndex || []).map(e => [score(e, wanted), e]).filter(x => x[0]) : [];
		found.sort((a, b) => b[0] - a[0] || a[1][0].length - b[1][0].length);
		list.replaceChildren(...found.slice(0, 12).map(([, e]) => {
			const li = document.createElement('li'), a = document.createElement('a'), small = document.createElement('small');
			a.href = root + e[1];
			a.textContent = e[0];
			small.textContent = e[1];
			a.append(small);
			li.append(a);
			return li;
		}));
		if (wanted.length && !found.length) list.textContent = 'Nothing found.';
		list.hidden = !wanted.length;
	}
	input.addEventListener('input', search);
	document.addEventListener('keydown', e => {
		if (e.key === '/' && document.activeElement !== input) { e.preventDefault(); input.focus(); }
		else if (e.key === 'Escape') { input.value = ''; search(); }
		else if (e.key === 'Enter' && document.activeElement === input && list.querySelector('a')) list.querySelector('a').click();
	});
	document.getElementById('theme').addEventListener('click', () => {
		const el = document.documentElement, dark = getComputedStyle(el).colorScheme === 'dark';
		el.dataset.theme = dark ? 'light' : 'dark';
		try { localStorage.theme = el.dataset.theme; } catch (e) { /* private windows */ }
	});
	const open = location.hash && document.querySelector(location.hash);
	if (open && open.tagName === 'DETAILS') open.open = true;
})();
